//! What must be true of every file, whatever was done with it.

use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Each finds rows that must not be.
const DAMAGE: &[(&str, &str)] = &[
    ("job counts", "SELECT c.state, c.count FROM job_counts AS c WHERE c.count <> (SELECT count(*) FROM jobs WHERE state = c.state)"),
    ("references to specs", "SELECT id, refs FROM specs WHERE refs = 0 OR refs <>
        (SELECT count(*) FROM jobs WHERE spec_id = specs.id) + (SELECT count(*) FROM attachment_versions WHERE spec_id = specs.id) +
        (SELECT count(*) FROM published_versions WHERE spec_id = specs.id) + (SELECT count(*) FROM crons WHERE spec_id = specs.id)"),
    ("references to blobs", "SELECT hex(hash), refs FROM blobs AS b WHERE refs <>
        (SELECT count(*) FROM job_args AS a JOIN jobs USING (jid) WHERE a.blob_hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM job_outcomes AS o JOIN jobs USING (jid) WHERE o.blob_hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM spec_blobs AS s JOIN specs ON id = spec_id WHERE s.hash = b.hash AND account_id = b.account_id) +
        (SELECT count(*) FROM messages AS m JOIN queues AS q ON q.id = m.queue_id WHERE m.blob_hash = b.hash AND q.account_id = b.account_id) +
        (SELECT count(*) FROM attachment_versions AS v JOIN queues AS q ON q.id = v.queue_id WHERE v.blob_hash = b.hash AND q.account_id = b.account_id) +
        (SELECT count(*) FROM crons AS c WHERE c.blob_hash = b.hash AND c.account_id = b.account_id) +
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
    ("counts of queues", "SELECT name, count FROM queues AS q WHERE deleted = 0 AND (count <> (SELECT count(*) FROM messages WHERE queue_id = q.id)
        OR leased <> (SELECT count(*) FROM queue_delivered WHERE queue_id = q.id) + (SELECT count(*) FROM queue_held JOIN handler_jobs USING (jid) WHERE queue_id = q.id))"),
    ("messages that are not in exactly one place", "SELECT id, queue_id FROM messages AS m WHERE 1 <> (SELECT count(*) FROM queue_ready WHERE message_id = m.id)
        + (SELECT count(*) FROM queue_delivered WHERE message_id = m.id) + (SELECT count(*) FROM queue_held WHERE message_id = m.id)"),
    ("places of messages that are gone or elsewhere", "SELECT r.message_id, r.queue_id FROM queue_ready AS r LEFT JOIN messages AS m ON m.id = r.message_id WHERE m.queue_id IS NOT r.queue_id OR m.at_ms <> r.at_ms
        UNION ALL SELECT d.message_id, d.queue_id FROM queue_delivered AS d LEFT JOIN messages AS m ON m.id = d.message_id WHERE m.queue_id IS NOT d.queue_id
        UNION ALL SELECT h.message_id, h.jid FROM queue_held AS h LEFT JOIN messages AS m ON m.id = h.message_id LEFT JOIN handler_jobs AS j USING (jid) WHERE m.queue_id IS NOT j.queue_id OR j.jid IS NULL"),
    ("messages without queues", "SELECT id, queue_id FROM messages WHERE queue_id NOT IN (SELECT id FROM queues)"),
    ("handed out and never delivered", "SELECT message_id, deliveries FROM queue_delivered WHERE deliveries < 1 UNION ALL SELECT message_id, deliveries FROM queue_held WHERE deliveries < 1"),
    ("what handler jobs hold", "SELECT jid, holds FROM handler_jobs AS h WHERE holds <> (SELECT count(*) FROM queue_held WHERE jid = h.jid)"),
    ("suspects that are not alone", "SELECT jid, count(*) FROM queue_held GROUP BY jid HAVING max(suspect) = 1 AND count(*) > 1"),
    ("handler jobs without jobs", "SELECT jid, queue_id FROM handler_jobs WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("handler jobs of versions that are gone", "SELECT h.jid, h.version FROM handler_jobs AS h JOIN queues AS q ON q.id = h.queue_id WHERE deleted = 0 AND (queue_id, version) NOT IN (SELECT queue_id, version FROM attachment_versions)"),
    ("versions of queues that are gone", "SELECT queue_id, version FROM attachment_versions WHERE queue_id NOT IN (SELECT id FROM queues WHERE deleted = 0)"),
    ("attachments without their version", "SELECT queue_id, version FROM attachments WHERE (queue_id, version) NOT IN (SELECT queue_id, version FROM attachment_versions)"),
    ("published functions without their current version", "SELECT id, version FROM published WHERE (id, version) NOT IN (SELECT published_id, version FROM published_versions)"),
    ("versions of published functions that are gone, or more than 200", "SELECT published_id, version FROM published_versions WHERE published_id NOT IN (SELECT id FROM published)
        UNION ALL SELECT published_id, count(*) FROM published_versions GROUP BY published_id HAVING count(*) > 200"),
    ("specs of another account", "SELECT p.id, v.spec_id FROM published AS p JOIN published_versions AS v ON v.published_id = p.id JOIN specs AS s ON s.id = v.spec_id WHERE s.account_id <> p.account_id
        UNION ALL SELECT c.id, c.spec_id FROM crons AS c JOIN specs AS s ON s.id = c.spec_id WHERE s.account_id <> c.account_id"),
    ("firings of crons that are gone, or more than a thousand", "SELECT cron_id, id FROM cron_firings WHERE cron_id NOT IN (SELECT id FROM crons)
        UNION ALL SELECT cron_id, count(*) FROM cron_firings GROUP BY cron_id HAVING count(*) > 1000"),
    ("ticks with two records", "SELECT cron_id, tick_ms FROM cron_firings WHERE kind <> 'manual' GROUP BY cron_id, tick_ms HAVING count(*) > 1"),
    ("firings that made a job and name none, or the reverse", "SELECT id, jid FROM cron_firings WHERE (kind IN ('fired', 'manual')) <> (jid IS NOT NULL)"),
    ("rates of queues that are gone", "SELECT queue_id, window_ms FROM queue_rates WHERE queue_id NOT IN (SELECT id FROM queues)"),
    ("queues of specs", "SELECT id, queue FROM specs WHERE queue IS NOT json_extract(json, '$.queue')"),
    ("sessions and links of no account", "SELECT id, account_id FROM sessions WHERE account_id NOT IN (SELECT id FROM accounts)
        UNION ALL SELECT 0, account_id FROM sign_in_links WHERE account_id NOT IN (SELECT id FROM accounts)"),
    ("batches without jobs, or with other numbers of them", "SELECT first_jid, jobs FROM batches AS b WHERE jobs < 1 OR jobs <>
        (SELECT count(*) FROM jobs WHERE jid BETWEEN b.first_jid AND b.first_jid + b.count - 1 AND account_id = b.account_id)"),
    ("batches that overlap", "SELECT a.first_jid, b.first_jid FROM batches AS a JOIN batches AS b ON b.first_jid > a.first_jid AND b.first_jid < a.first_jid + a.count"),
    ("attempts without jobs", "SELECT jid, attempt FROM job_attempts WHERE jid NOT IN (SELECT jid FROM jobs)"),
    ("more than a hundred attempts of a job", "SELECT jid, count(*) FROM job_attempts GROUP BY jid HAVING count(*) > 100"),
    ("errors that are not indexed, or more than them", "SELECT jid, 0 FROM jobs WHERE state = 5 AND jid NOT IN (SELECT rowid FROM error_texts)
        UNION ALL SELECT rowid, 1 FROM error_texts WHERE rowid NOT IN (SELECT jid FROM jobs WHERE state = 5)"),
    ("numbers of messages that were not given out", "SELECT id, 0 FROM messages WHERE id >= (SELECT next FROM sequences WHERE name = 'message')"),
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
