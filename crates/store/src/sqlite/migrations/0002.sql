-- Format 2: what a job used in full, second by second while it runs, and what it costs.

-- Beside run time and processor time, which stay with the job: few jobs use any of these.
ALTER TABLE job_outcomes ADD COLUMN memory_peak_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outcomes ADD COLUMN memory_failures INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outcomes ADD COLUMN swap_peak_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outcomes ADD COLUMN disk_peak_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outcomes ADD COLUMN disk_read_bytes INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_outcomes ADD COLUMN disk_write_bytes INTEGER NOT NULL DEFAULT 0;
-- NULL where the worker could not tell.
ALTER TABLE job_outcomes ADD COLUMN net_received_bytes INTEGER;
ALTER TABLE job_outcomes ADD COLUMN net_sent_bytes INTEGER;
-- NULL for jobs that ended without having run, and for those of format 1.
ALTER TABLE job_outcomes ADD COLUMN core_ms INTEGER;
ALTER TABLE job_outcomes ADD COLUMN cost_pico INTEGER;

-- A worker of format 1 kept nothing apart, which is what an empty object means.
ALTER TABLE workers ADD COLUMN confinement TEXT NOT NULL DEFAULT '{}';
ALTER TABLE workers ADD COLUMN source_ips INTEGER;

-- Of the last attempt that was heard of. A sample is one row, thinned as the job gets older.
CREATE TABLE job_samples (
    jid                INTEGER NOT NULL,
    attempt            INTEGER NOT NULL,
    second             INTEGER NOT NULL,
    cpu_user_us        INTEGER NOT NULL,
    cpu_system_us      INTEGER NOT NULL,
    memory_bytes       INTEGER NOT NULL,
    swap_bytes         INTEGER NOT NULL,
    disk_bytes         INTEGER NOT NULL,
    disk_read_bytes    INTEGER NOT NULL,
    disk_write_bytes   INTEGER NOT NULL,
    net_received_bytes INTEGER,
    net_sent_bytes     INTEGER,
    processes          INTEGER NOT NULL,
    PRIMARY KEY (jid, attempt, second)
) STRICT, WITHOUT ROWID;

-- Unfinished jobs of which samples or ports came: as many rows as there are long jobs, so that
-- a short job's end finds out at no cost that there is nothing to tidy up. `second` is that of
-- the last sample. Peaks are kept because thinning would lose them.
CREATE TABLE job_live (
    jid               INTEGER PRIMARY KEY,
    attempt           INTEGER NOT NULL,
    second            INTEGER,
    memory_peak_bytes INTEGER NOT NULL,
    swap_peak_bytes   INTEGER NOT NULL,
    disk_peak_bytes   INTEGER NOT NULL,
    ports             TEXT NOT NULL
) STRICT;

-- The ledger. It outlives jobs: deleted ones ran too. `day` counts days since 1970-01-01 UTC;
-- label and queue are empty where a job has none; costs are millionths of a millionth.
CREATE TABLE usage_daily (
    account_id INTEGER NOT NULL,
    day        INTEGER NOT NULL,
    core_type  TEXT NOT NULL,
    label      TEXT NOT NULL,
    queue      TEXT NOT NULL,
    jobs       INTEGER NOT NULL,
    core_ms    INTEGER NOT NULL,
    cpu_us     INTEGER NOT NULL,
    cost_pico  INTEGER NOT NULL,
    PRIMARY KEY (account_id, day, core_type, label, queue)
) STRICT, WITHOUT ROWID;
