-- A file of format 7: the schema as it was, and rows in every table.
PRAGMA user_version = 7;
BEGIN TRANSACTION;
CREATE TABLE accounts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    admin      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL
, password_hash TEXT) STRICT;
INSERT INTO "accounts" VALUES(1,'ada',0,1700000000000,'$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA');
CREATE TABLE attachment_versions (
    id         INTEGER PRIMARY KEY,
    queue_id   INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    spec_id    INTEGER NOT NULL,
    settings   TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    bytes      BLOB,
    blob_hash  BLOB,
    blob_size  INTEGER
) STRICT;
INSERT INTO "attachment_versions" VALUES(1,1,1,3,'{"output_queues":["out"],"iter_output":false,"readers_per_job":2,"retry_on":["builtins.OSError"],"max_retries":3,"retry_delay_s":60,"on_error":[{"exception":"builtins.Exception","queue":"bad","delay_s":0}],"on_crash":0,"max_crashes":3}',1700000000000,X'7069636B6C65642068616E646C6572',NULL,NULL);
CREATE TABLE attachments (
    queue_id          INTEGER PRIMARY KEY,
    version           INTEGER NOT NULL,
    active            INTEGER NOT NULL,
    max_parallel_jobs INTEGER NOT NULL,
    vain              INTEGER NOT NULL DEFAULT 0,
    start_after_ms    INTEGER NOT NULL DEFAULT 0
) STRICT;
INSERT INTO "attachments" VALUES(1,1,1,2,0,0);
CREATE TABLE batches (
    first_jid  INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    jobs       INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    last_ms    INTEGER NOT NULL,
    depends_on TEXT
) STRICT;
INSERT INTO "batches" VALUES(1,1,3,3,1700000000000,1700000000000,NULL);
INSERT INTO "batches" VALUES(5,1,1,1,1700000000000,1700000000000,'2');
INSERT INTO "batches" VALUES(6,1,1,1,1700000000000,1700000000000,'3,4');
CREATE TABLE blobs (
    account_id    INTEGER NOT NULL,
    hash          BLOB NOT NULL,
    size          INTEGER NOT NULL,
    refs          INTEGER NOT NULL,
    keep_until_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO "blobs" VALUES(1,X'05B3ABF2579A5EB66403CD78BE557FD860633A1FE2103C7642030DEFE32C657F',8,2,1700000000000);
INSERT INTO "blobs" VALUES(1,X'E59625A822497C164D60705EB3FD6975C375CA213B8140137A826A77790986A9',10,1,1700000000000);
INSERT INTO "blobs" VALUES(1,X'ED7002B439E9AC845F22357D822BAC1444730FBDB6016D3EC9432297B9EC9F73',7,3,1700000000000);
CREATE TABLE buckets (
    account_id INTEGER PRIMARY KEY,
    objects    INTEGER NOT NULL,
    bytes      INTEGER NOT NULL,
    folder     TEXT
) STRICT;
INSERT INTO "buckets" VALUES(1,2,14,'folder');
CREATE TABLE classes (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    requirements TEXT NOT NULL UNIQUE
) STRICT;
INSERT INTO "classes" VALUES(1,'{"python":"3.11","core_type":"c1","cores":1,"restartable":true}');
INSERT INTO "classes" VALUES(2,'{"python":"3.11","core_type":"c1","cores":1,"restartable":false}');
CREATE TABLE gate_members (
    jid     INTEGER NOT NULL,
    gate_id INTEGER NOT NULL,
    PRIMARY KEY (jid, gate_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "gate_members" VALUES(3,1);
INSERT INTO "gate_members" VALUES(4,1);
CREATE TABLE gates (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    open_count    INTEGER NOT NULL,
    ignore_errors INTEGER NOT NULL
) STRICT;
INSERT INTO "gates" VALUES(1,2,0);
CREATE TABLE handler_jobs (
    jid      INTEGER PRIMARY KEY,
    queue_id INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    attempt  INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    holds    INTEGER NOT NULL
) STRICT;
INSERT INTO "handler_jobs" VALUES(7,1,1,1,4,1);
CREATE TABLE job_args (
    jid       INTEGER PRIMARY KEY,
    bytes     BLOB,
    blob_hash BLOB,
    blob_size INTEGER
) STRICT;
INSERT INTO "job_args" VALUES(1,X'30',NULL,NULL);
INSERT INTO "job_args" VALUES(2,X'31',NULL,NULL);
INSERT INTO "job_args" VALUES(3,X'32',NULL,NULL);
INSERT INTO "job_args" VALUES(4,X'30',NULL,NULL);
INSERT INTO "job_args" VALUES(5,X'30',NULL,NULL);
INSERT INTO "job_args" VALUES(6,X'30',NULL,NULL);
INSERT INTO "job_args" VALUES(7,X'7069636B6C65642068616E646C6572',NULL,NULL);
CREATE TABLE job_attempts (
    jid         INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    worker_name TEXT,
    started_ms  INTEGER,
    ended_ms    INTEGER NOT NULL,
    because     INTEGER NOT NULL,
    PRIMARY KEY (jid, attempt)
) STRICT, WITHOUT ROWID;
INSERT INTO "job_attempts" VALUES(4,1,'first',1700000000000,1700000000001,0);
CREATE TABLE job_counts (
    state INTEGER PRIMARY KEY,
    count INTEGER NOT NULL
) STRICT;
INSERT INTO "job_counts" VALUES(0,1);
INSERT INTO "job_counts" VALUES(1,1);
INSERT INTO "job_counts" VALUES(2,0);
INSERT INTO "job_counts" VALUES(3,2);
INSERT INTO "job_counts" VALUES(4,1);
INSERT INTO "job_counts" VALUES(5,1);
INSERT INTO "job_counts" VALUES(6,0);
INSERT INTO "job_counts" VALUES(7,1);
CREATE TABLE job_live (
    jid               INTEGER PRIMARY KEY,
    attempt           INTEGER NOT NULL,
    second            INTEGER,
    memory_peak_bytes INTEGER NOT NULL,
    swap_peak_bytes   INTEGER NOT NULL,
    disk_peak_bytes   INTEGER NOT NULL,
    ports             TEXT NOT NULL
) STRICT;
INSERT INTO "job_live" VALUES(3,1,7,6000,0,60,'[{"protocol":"tcp","port":8080}]');
CREATE TABLE job_outcomes (
    jid       INTEGER PRIMARY KEY,
    bytes     BLOB,
    blob_hash BLOB,
    blob_size INTEGER,
    failure   TEXT,
    profile   TEXT
, memory_peak_bytes INTEGER NOT NULL DEFAULT 0, memory_failures INTEGER NOT NULL DEFAULT 0, swap_peak_bytes INTEGER NOT NULL DEFAULT 0, disk_peak_bytes INTEGER NOT NULL DEFAULT 0, disk_read_bytes INTEGER NOT NULL DEFAULT 0, disk_write_bytes INTEGER NOT NULL DEFAULT 0, net_received_bytes INTEGER, net_sent_bytes INTEGER, core_ms INTEGER, cost_pico INTEGER) STRICT;
INSERT INTO "job_outcomes" VALUES(1,X'726573756C74206F662031',NULL,NULL,NULL,NULL,31000000,1,2,3,4,5,6,7,1500,20833500);
INSERT INTO "job_outcomes" VALUES(2,X'',NULL,NULL,'{"verdict":{"kind":"raised"},"exception":"Traceback","exception_type":"builtins.ValueError"}',NULL,0,0,0,0,0,0,NULL,NULL,NULL,NULL);
INSERT INTO "job_outcomes" VALUES(5,X'',NULL,NULL,'{"verdict":{"kind":"dependency_failed","jid":2},"exception":"Could not start due to dependency erroring"}',NULL,0,0,0,0,0,0,NULL,NULL,NULL,NULL);
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
INSERT INTO "job_samples" VALUES(1,1,1,900000,20,3000,0,40,5,6,NULL,NULL,2);
INSERT INTO "job_samples" VALUES(1,1,2,1800000,20,3000,0,40,5,6,NULL,NULL,2);
INSERT INTO "job_samples" VALUES(3,1,7,6900000,100000,5000,0,60,7,8,900,10,3);
CREATE TABLE jobs (
    jid           INTEGER PRIMARY KEY,
    account_id    INTEGER NOT NULL,
    spec_id       INTEGER NOT NULL,
    class_id      INTEGER NOT NULL,
    state         INTEGER NOT NULL,
    priority      INTEGER NOT NULL,
    attempt       INTEGER NOT NULL,
    kill          INTEGER NOT NULL,
    worker_id     INTEGER,
    gate_id       INTEGER,
    parent_jid    INTEGER,
    created_ms    INTEGER NOT NULL,
    started_ms    INTEGER,
    finished_ms   INTEGER,
    runtime_us    INTEGER NOT NULL,
    cpu_user_us   INTEGER NOT NULL,
    cpu_system_us INTEGER NOT NULL
) STRICT;
INSERT INTO "jobs" VALUES(1,1,1,1,4,5,1,0,1,NULL,NULL,1700000000000,1700000000000,1700000000000,3,2,1);
INSERT INTO "jobs" VALUES(2,1,1,1,5,5,1,0,1,NULL,NULL,1700000000000,1700000000000,1700000000000,3,2,1);
INSERT INTO "jobs" VALUES(3,1,1,1,3,5,1,0,1,NULL,NULL,1700000000000,1700000000000,NULL,0,0,0);
INSERT INTO "jobs" VALUES(4,1,2,1,1,5,1,0,NULL,NULL,NULL,1700000000000,NULL,NULL,0,0,0);
INSERT INTO "jobs" VALUES(5,1,2,1,7,5,0,0,NULL,NULL,NULL,1700000000000,NULL,1700000000000,0,0,0);
INSERT INTO "jobs" VALUES(6,1,2,1,0,5,0,0,NULL,1,NULL,1700000000000,NULL,NULL,0,0,0);
INSERT INTO "jobs" VALUES(7,1,3,2,3,5,1,0,1,NULL,NULL,1700000000000,1700000000000,NULL,0,0,0);
CREATE TABLE keys (
    key         INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL,
    secret_hash BLOB NOT NULL,
    active      INTEGER NOT NULL,
    note        TEXT NOT NULL,
    created_ms  INTEGER NOT NULL
) STRICT;
INSERT INTO "keys" VALUES(1,1,X'043A718774C572BD8A25ADBEB1BFCD5C0256AE11CECF9F9C3F925D0E52BEAF89',1,'laptop',1700000000000);
CREATE TABLE maps (
    first_jid  INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL,
    total      INTEGER NOT NULL,
    touched_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "maps" VALUES(1,1,3,1700000000000);
CREATE TABLE messages (
    id          INTEGER PRIMARY KEY,
    queue_id    INTEGER NOT NULL,
    at_ms       INTEGER NOT NULL,
    kind        INTEGER NOT NULL,
    cur_retry   INTEGER NOT NULL,
    max_retries INTEGER,
    created_ms  INTEGER NOT NULL,
    blob_hash   BLOB,
    blob_size   INTEGER,
    error       TEXT,
    bytes       BLOB
) STRICT;
INSERT INTO "messages" VALUES(1,1,1700000000000,1,0,NULL,1700000000000,X'05B3ABF2579A5EB66403CD78BE557FD860633A1FE2103C7642030DEFE32C657F',8,NULL,NULL);
INSERT INTO "messages" VALUES(2,1,1700000000000,0,1,4,1700000000000,NULL,NULL,NULL,X'7B226E223A20327D');
INSERT INTO "messages" VALUES(3,1,1700000000000,0,1,4,1700000000000,NULL,NULL,NULL,X'33');
INSERT INTO "messages" VALUES(4,3,1700000000000,0,0,NULL,1700000000000,NULL,NULL,'{"source_queue":"in","exception_type":"builtins.ValueError","exception_text":"no","traceback":"Traceback\nValueError: no","cur_retry":0,"jid":7}',X'2262616422');
CREATE TABLE "objects" (
    account_id   INTEGER NOT NULL,
    key          TEXT NOT NULL,
    hash         BLOB NOT NULL,
    size         INTEGER NOT NULL,
    md5          BLOB,
    content_type TEXT NOT NULL,
    headers      TEXT,
    public       INTEGER NOT NULL,
    created_ms   INTEGER NOT NULL,
    modified_ms  INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "objects" VALUES(1,'a/b.txt',X'ED7002B439E9AC845F22357D822BAC1444730FBDB6016D3EC9432297B9EC9F73',7,X'9A0364B9E99BB480DD25E1F0284C8555','text/plain',NULL,0,1700000000000,1700000000001);
INSERT INTO "objects" VALUES(1,'a/c',X'ED7002B439E9AC845F22357D822BAC1444730FBDB6016D3EC9432297B9EC9F73',7,NULL,'image/png','{"cache-control":"no-store"}',1,1700000000000,1700000000000);
CREATE TABLE output_chunks (
    jid      INTEGER NOT NULL,
    stream   INTEGER NOT NULL,
    position INTEGER NOT NULL,
    bytes    BLOB NOT NULL
) STRICT;
INSERT INTO "output_chunks" VALUES(1,0,0,X'68656C6C6F');
CREATE TABLE output_heads (
    jid     INTEGER NOT NULL,
    stream  INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    base    INTEGER NOT NULL,
    total   INTEGER NOT NULL,
    PRIMARY KEY (jid, stream)
) STRICT, WITHOUT ROWID;
INSERT INTO "output_heads" VALUES(1,0,1,0,5);
CREATE TABLE queue_delivered (
    message_id INTEGER PRIMARY KEY,
    queue_id   INTEGER NOT NULL,
    until_ms   INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL
) STRICT;
INSERT INTO "queue_delivered" VALUES(2,1,1700000030000,0,1,0);
CREATE TABLE queue_held (
    jid        INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    seq        INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    PRIMARY KEY (jid, message_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "queue_held" VALUES(7,3,4,0,1,0);
CREATE TABLE queue_pushes (
    account_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    count      INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "queue_pushes" VALUES(1,'a push',3,1700000000000);
CREATE TABLE queue_rates (
    queue_id   INTEGER NOT NULL,
    window_ms  INTEGER NOT NULL,
    version    INTEGER NOT NULL,
    enqueued   INTEGER NOT NULL,
    dequeued   INTEGER NOT NULL,
    retried    INTEGER NOT NULL,
    failed     INTEGER NOT NULL,
    handled_us INTEGER NOT NULL,
    PRIMARY KEY (queue_id, window_ms, version)
) STRICT, WITHOUT ROWID;
INSERT INTO "queue_rates" VALUES(1,1700000000000,0,3,0,0,0,0);
INSERT INTO "queue_rates" VALUES(1,1700000000000,1,0,1,0,1,12);
CREATE TABLE queue_ready (
    queue_id   INTEGER NOT NULL,
    suspect    INTEGER NOT NULL,
    at_ms      INTEGER NOT NULL,
    message_id INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    crashes    INTEGER NOT NULL,
    PRIMARY KEY (queue_id, suspect, at_ms, message_id)
) STRICT, WITHOUT ROWID;
INSERT INTO "queue_ready" VALUES(1,0,1700000000000,1,1,0);
INSERT INTO "queue_ready" VALUES(3,0,1700000000000,4,0,0);
CREATE TABLE queues (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id   INTEGER NOT NULL,
    name         TEXT NOT NULL,
    created_ms   INTEGER NOT NULL,
    paused       INTEGER NOT NULL,
    deleted      INTEGER NOT NULL,
    retention_ms INTEGER,
    count        INTEGER NOT NULL,
    leased       INTEGER NOT NULL
) STRICT;
INSERT INTO "queues" VALUES(1,1,'in',1700000000000,0,0,NULL,3,2);
INSERT INTO "queues" VALUES(2,1,'out',1700000000000,1,0,60000,0,0);
INSERT INTO "queues" VALUES(3,1,'bad',1700000000000,0,0,NULL,1,0);
CREATE TABLE sequences (
    name TEXT PRIMARY KEY,
    next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "sequences" VALUES('jid',8);
INSERT INTO "sequences" VALUES('message',5);
INSERT INTO "sequences" VALUES('ping',0);
CREATE TABLE sessions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    token_hash BLOB NOT NULL,
    account_id INTEGER NOT NULL,
    user_agent TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    used_ms    INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT;
INSERT INTO "sessions" VALUES(1,X'ABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABABAB',1,'Firefox',1700000000000,1700000000001,1800000000000);
CREATE TABLE settings (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "settings" VALUES('secret','old');
CREATE TABLE sign_in_links (
    token_hash BLOB PRIMARY KEY,
    account_id INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO "sign_in_links" VALUES(X'CDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCDCD',1,1700000000000,1800000000000);
CREATE TABLE spec_blobs (
    spec_id INTEGER NOT NULL,
    hash    BLOB NOT NULL,
    PRIMARY KEY (spec_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO "spec_blobs" VALUES(1,X'05B3ABF2579A5EB66403CD78BE557FD860633A1FE2103C7642030DEFE32C657F');
CREATE TABLE specs (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id         INTEGER NOT NULL,
    class_id           INTEGER NOT NULL,
    hash               BLOB NOT NULL,
    refs               INTEGER NOT NULL,
    label              TEXT,
    function_name      TEXT NOT NULL,
    json               TEXT NOT NULL,
    function_bytes     BLOB,
    function_hash      BLOB,
    function_size      INTEGER
, queue TEXT) STRICT;
INSERT INTO "specs" VALUES(1,1,1,X'ADD97BB0FB2047064B175C0E119154530D5EB8C9F80E4EA403A88E6955A0C008',3,'blue','','{"language":"python","python":"3.11","function_name":"","core_type":"c1","cores":1,"label":"blue","priority":5,"restartable":true,"profile":false,"depends_on_errors":"abort","kill_process":false,"fast_serialization":0}',X'7069636B6C65642066756E6374696F6E',NULL,NULL,NULL);
INSERT INTO "specs" VALUES(2,1,1,X'9AC935695E874D338DEBCB3CCB88C97D8E548D8AF81A667F51E32FAAC1145E56',3,NULL,'','{"language":"python","python":"3.11","function_name":"","core_type":"c1","cores":1,"priority":5,"restartable":true,"profile":false,"depends_on_errors":"abort","kill_process":false,"fast_serialization":0}',X'7069636B6C65642066756E6374696F6E',NULL,NULL,NULL);
INSERT INTO "specs" VALUES(3,1,2,X'000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F',2,'red','handle','{"language":"python","python":"3.11","function_name":"handle","core_type":"c1","cores":1,"label":"red","queue":"in","priority":5,"restartable":false,"profile":false,"depends_on_errors":"abort","kill_process":false,"fast_serialization":0}',X'7069636B6C6564206C6F6F70',NULL,NULL,'in');
CREATE TABLE submissions (
    account_id INTEGER NOT NULL,
    key        TEXT NOT NULL,
    first_jid  INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    queued     INTEGER NOT NULL,
    created_ms INTEGER NOT NULL,
    PRIMARY KEY (account_id, key)
) STRICT, WITHOUT ROWID;
INSERT INTO "submissions" VALUES(1,'key 0',1,3,1,1700000000000);
INSERT INTO "submissions" VALUES(1,'key 1',4,1,1,1700000000000);
INSERT INTO "submissions" VALUES(1,'key 2',5,1,0,1700000000000);
INSERT INTO "submissions" VALUES(1,'key 3',6,1,0,1700000000000);
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
INSERT INTO "usage_daily" VALUES(1,19675,'c1','','',2,1500,1900000,20833500);
CREATE TABLE volume_blobs (
    volume_id INTEGER NOT NULL,
    hash      BLOB NOT NULL,
    PRIMARY KEY (volume_id, hash)
) STRICT, WITHOUT ROWID;
INSERT INTO "volume_blobs" VALUES(1,X'E59625A822497C164D60705EB3FD6975C375CA213B8140137A826A77790986A9');
INSERT INTO "volume_blobs" VALUES(1,X'ED7002B439E9AC845F22357D822BAC1444730FBDB6016D3EC9432297B9EC9F73');
CREATE TABLE volumes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    account_id  INTEGER NOT NULL,
    name        TEXT NOT NULL,
    mount_path  TEXT NOT NULL,
    description TEXT NOT NULL,
    created_ms  INTEGER NOT NULL,
    modified_ms INTEGER NOT NULL,
    tree        BLOB,
    files       INTEGER NOT NULL,
    bytes       INTEGER NOT NULL
) STRICT;
INSERT INTO "volumes" VALUES(1,1,'data','/home/picloud/data','what it is for',1700000000000,1700000000001,X'E59625A822497C164D60705EB3FD6975C375CA213B8140137A826A77790986A9',1,7);
INSERT INTO "volumes" VALUES(2,1,'empty','/empty','',1700000000000,1700000000000,NULL,0,0);
CREATE TABLE workers (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    name           TEXT NOT NULL,
    hostname       TEXT NOT NULL,
    version        TEXT NOT NULL,
    cpus           INTEGER NOT NULL,
    compute_units  REAL NOT NULL,
    memory_bytes   INTEGER NOT NULL,
    pythons        TEXT NOT NULL,
    lease_until_ms INTEGER NOT NULL,
    started_ms     INTEGER NOT NULL,
    ended_ms       INTEGER
, confinement TEXT NOT NULL DEFAULT '{}', source_ips INTEGER) STRICT;
INSERT INTO "workers" VALUES(1,'first','first.example','1.2.3',4,10.5,8589934592,'[]',9223372036854775807,1700000000000,NULL,'{"isolation":"sandbox","limits":"cgroup2"}',8);
CREATE VIRTUAL TABLE error_texts USING fts5 (
    key, text, content = '', contentless_delete = 1, detail = none, tokenize = 'trigram case_sensitive 1'
);
INSERT INTO error_texts (rowid, key, text) VALUES (2, char(983041, 983040, 983040), 'builtins.valueerror' || char(10) || 'traceback');
CREATE INDEX keys_by_account ON keys (account_id);
CREATE UNIQUE INDEX specs_by_hash ON specs (account_id, hash);
CREATE INDEX specs_by_label ON specs (account_id, label) WHERE label IS NOT NULL;
CREATE INDEX specs_by_function ON specs (account_id, function_name);
CREATE INDEX jobs_by_account ON jobs (account_id);
CREATE INDEX jobs_by_spec ON jobs (spec_id);
CREATE INDEX jobs_queued ON jobs (account_id, class_id, priority) WHERE state = 1;
CREATE INDEX jobs_running ON jobs (worker_id, account_id) WHERE state IN (2, 3);
CREATE INDEX jobs_unfinished ON jobs (account_id) WHERE finished_ms IS NULL;
CREATE INDEX jobs_failed ON jobs (account_id) WHERE state > 4;
CREATE INDEX jobs_waiting ON jobs (gate_id) WHERE gate_id IS NOT NULL;
CREATE INDEX jobs_by_parent ON jobs (parent_jid) WHERE parent_jid IS NOT NULL;
CREATE INDEX gate_members_by_gate ON gate_members (gate_id, jid);
CREATE INDEX submissions_by_age ON submissions (created_ms);
CREATE INDEX workers_alive ON workers (name) WHERE ended_ms IS NULL;
CREATE INDEX workers_ended ON workers (ended_ms) WHERE ended_ms IS NOT NULL;
CREATE UNIQUE INDEX output_chunks_by_position ON output_chunks (jid, stream, position);
CREATE INDEX blobs_unused ON blobs (keep_until_ms) WHERE refs = 0;
CREATE UNIQUE INDEX buckets_by_folder ON buckets (folder) WHERE folder IS NOT NULL;
CREATE INDEX objects_without_md5 ON objects (account_id, hash) WHERE md5 IS NULL;
CREATE UNIQUE INDEX volumes_by_name ON volumes (account_id, name);
CREATE UNIQUE INDEX queues_by_name ON queues (account_id, name) WHERE deleted = 0;
CREATE INDEX queues_deleted ON queues (id) WHERE deleted = 1;
CREATE INDEX messages_with_blobs ON messages (id, blob_hash) WHERE blob_hash IS NOT NULL;
CREATE INDEX queue_delivered_until ON queue_delivered (queue_id, until_ms);
CREATE INDEX queue_pushes_by_age ON queue_pushes (created_ms);
CREATE UNIQUE INDEX attachment_versions_by_number ON attachment_versions (queue_id, version);
CREATE INDEX handler_jobs_by_queue ON handler_jobs (queue_id);
CREATE INDEX specs_by_queue ON specs (account_id, queue) WHERE queue IS NOT NULL;
CREATE UNIQUE INDEX sessions_by_token ON sessions (token_hash);
CREATE INDEX sessions_by_account ON sessions (account_id, used_ms);
CREATE INDEX sessions_by_end ON sessions (expires_ms);
CREATE INDEX sign_in_links_by_end ON sign_in_links (expires_ms);
CREATE INDEX batches_in_parts ON batches (account_id, last_ms) WHERE last_ms > created_ms;
CREATE INDEX specs_by_class ON specs (account_id, class_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('accounts',1);
INSERT INTO "sqlite_sequence" VALUES('workers',1);
INSERT INTO "sqlite_sequence" VALUES('keys',1);
INSERT INTO "sqlite_sequence" VALUES('classes',2);
INSERT INTO "sqlite_sequence" VALUES('specs',3);
INSERT INTO "sqlite_sequence" VALUES('gates',1);
INSERT INTO "sqlite_sequence" VALUES('volumes',2);
INSERT INTO "sqlite_sequence" VALUES('queues',3);
INSERT INTO "sqlite_sequence" VALUES('sessions',1);
COMMIT;
