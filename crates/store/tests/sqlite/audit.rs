//! What must be true of every file, whatever was done with it.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Each finds rows that must not be.
const DAMAGE: &[(&str, &str)] = &[
    ("job counts", "SELECT c.state, c.count FROM job_counts AS c WHERE c.count <> (SELECT count(*) FROM jobs WHERE state = c.state)"),
    ("references to specs", "SELECT id, refs FROM specs WHERE refs <> (SELECT count(*) FROM jobs WHERE spec_id = specs.id) OR refs = 0"),
    ("references to blobs", "SELECT hex(hash), refs FROM blobs AS b WHERE refs <>
        (SELECT count(*) FROM job_args AS a JOIN jobs USING (jid) WHERE a.blob_hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM job_outcomes AS o JOIN jobs USING (jid) WHERE o.blob_hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM spec_blobs AS s JOIN specs ON id = spec_id WHERE s.hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM volume_blobs AS v JOIN volumes ON id = volume_id WHERE v.hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM objects AS o WHERE o.hash = b.hash AND o.account_id = b.account_id)"),
    ("objects without blobs", "SELECT key, size FROM objects AS o WHERE NOT EXISTS (SELECT 1 FROM blobs AS b WHERE b.account_id = o.account_id AND b.hash = o.hash AND b.size = o.size)"),
    ("sums of buckets", "SELECT account_id, bytes FROM buckets AS b WHERE objects <> (SELECT count(*) FROM objects WHERE account_id = b.account_id)
        OR bytes <> (SELECT coalesce(sum(size), 0) FROM objects WHERE account_id = b.account_id)"),
    ("objects without a bucket", "SELECT account_id, key FROM objects WHERE account_id NOT IN (SELECT account_id FROM buckets)"),
    ("jobs without specs", "SELECT jid, spec_id FROM jobs WHERE spec_id NOT IN (SELECT id FROM specs)"),
    ("jobs without arguments", "SELECT jid, 0 FROM jobs WHERE jid NOT IN (SELECT jid FROM job_args)"),
    ("arguments without jobs", "SELECT jid, 0 FROM job_args WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("outcomes exactly of finished jobs", "SELECT jid, state FROM jobs WHERE (state >= 4) <> (jid IN (SELECT jid FROM job_outcomes))"),
    ("outcomes without jobs", "SELECT jid, 0 FROM job_outcomes WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("output without jobs", "SELECT jid, stream FROM output_heads WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("chunks without streams", "SELECT jid, stream FROM output_chunks WHERE (jid, stream) NOT IN (SELECT jid, stream FROM output_heads)"),
    ("samples without jobs", "SELECT jid, second FROM job_samples WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("samples of earlier attempts beside ended jobs", "SELECT s.jid, s.second FROM job_samples AS s JOIN jobs AS j USING (jid) WHERE j.state >= 4 AND s.attempt <> j.attempt"),
    ("more than a sample in 30 seconds of old jobs that ended", "SELECT s.jid, s.second FROM job_samples AS s JOIN jobs AS j USING (jid) WHERE j.state >= 4
        AND (SELECT max(second) FROM job_samples WHERE jid = s.jid) > 3630
        AND EXISTS (SELECT 1 FROM job_samples AS t WHERE t.jid = s.jid AND t.second / 30 = s.second / 30 AND t.second <> s.second)"),
    ("live rows of jobs that ended", "SELECT jid, 0 FROM job_live WHERE jid NOT IN (SELECT jid FROM jobs WHERE state < 4)"),
    ("costs that the ledger lacks", "SELECT account_id, cost FROM (SELECT account_id, total(cost_pico) AS cost, total(core_ms) AS ms FROM job_outcomes JOIN jobs USING (jid) GROUP BY account_id) AS o
        WHERE min(cost, 9223372036854775807.0) > (SELECT total(cost_pico) FROM usage_daily WHERE account_id = o.account_id) OR ms > (SELECT total(core_ms) FROM usage_daily WHERE account_id = o.account_id)"),
    ("blobs of specs that are gone", "SELECT spec_id, 0 FROM spec_blobs WHERE spec_id NOT IN (SELECT id FROM specs)"),
    ("blobs of volumes that are gone", "SELECT volume_id, 0 FROM volume_blobs WHERE volume_id NOT IN (SELECT id FROM volumes)"),
    ("waiting exactly with a gate", "SELECT jid, state FROM jobs WHERE (state = 0) <> (gate_id IS NOT NULL)"),
    ("waiting without a gate's row", "SELECT jid, gate_id FROM jobs WHERE state = 0 AND gate_id NOT IN (SELECT id FROM gates)"),
    ("open members of gates", "SELECT id, open_count FROM gates WHERE open_count < 1 OR open_count <> (SELECT count(*) FROM gate_members WHERE gate_id = gates.id)"),
    ("gates nobody waits for", "SELECT id, 0 FROM gates WHERE id NOT IN (SELECT gate_id FROM jobs WHERE state = 0)"),
    ("members of gates that are gone", "SELECT jid, gate_id FROM gate_members WHERE gate_id NOT IN (SELECT id FROM gates)"),
    ("members that have ended", "SELECT gate_members.jid, gate_members.gate_id FROM gate_members LEFT JOIN jobs USING (jid) WHERE state IS NULL OR state >= 4"),
    ("running without a live worker", "SELECT jid, worker_id FROM jobs WHERE state IN (2, 3) AND
        (worker_id IS NULL OR worker_id NOT IN (SELECT id FROM workers WHERE ended_ms IS NULL))"),
    ("to be killed and yet queued", "SELECT jid, kill FROM jobs WHERE kill > 0 AND state < 2"),
    ("ids that were not given out", "SELECT jid, 0 FROM jobs WHERE jid >= (SELECT next FROM sequences WHERE name = 'jid')"),
];

/// Looks for damage in a closed store's file.
pub(crate) fn audit(path: &Path) {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
        .expect("the file opens");
    let verdict: String = db
        .query_row("PRAGMA integrity_check", [], |row| row.get(0))
        .expect("a check");
    assert_eq!(verdict, "ok");
    for (rule, query) in DAMAGE {
        let mut statement = db.prepare(query).expect("a query");
        let broken: Vec<String> = statement
            .query_map([], |row| {
                Ok(format!("{:?} {:?}", row.get_ref(0)?, row.get_ref(1)?))
            })
            .expect("rows")
            .collect::<rusqlite::Result<_>>()
            .expect("rows");
        assert!(broken.is_empty(), "{rule}: {broken:?}");
    }
}
