//! What accounts used, and what it costs.

use crate::world::{Worker, World, ended, header, inline, only, refused, spec};
use picloud_client::ApiClient;
use picloud_types::{
    ErrorKind, JobSpec, JobState, Usage,
    api::{
        usage::{UsageQuery, UsageReply},
        workers::ReportHeader,
    },
};

async fn run(client: &ApiClient, worker: &Worker, spec: JobSpec, runtime_ms: u64) {
    let made = client
        .submit(&header(spec, 1), &inline(b"f"), &[inline(b"a")])
        .await;
    let jid = made.expect("taken").first_jid;
    let job = worker.one().await;
    assert_eq!(job.jid, jid);
    let mut finished = ended(job.jid, job.attempt, JobState::Done);
    finished.usage = Usage {
        runtime_us: runtime_ms * 1000,
        cpu_user_us: 5,
        cpu_system_us: 2,
        ..Usage::default()
    };
    let header = ReportHeader {
        finished: vec![finished],
        ..ReportHeader::default()
    };
    worker.report(&header, &[inline(b"r")]).await;
}

fn like(core_type: &str, label: Option<&str>) -> JobSpec {
    JobSpec {
        core_type: core_type.to_owned(),
        label: label.map(str::to_owned),
        ..spec()
    }
}

fn by(group_by: &str) -> UsageQuery {
    UsageQuery {
        group_by: Some(group_by.to_owned()),
        ..UsageQuery::default()
    }
}

async fn usage(client: &ApiClient, query: UsageQuery) -> UsageReply {
    client.usage(&query).await.expect("sums")
}

#[tokio::test]
async fn usage_adds_up_by_label_type_and_account() {
    let world = World::with(|options| options.currency = "EUR".to_owned()).await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (other, _) = world.other().await;
    run(&client, &worker, like("c1", Some("a")), 3_600_000).await;
    run(&client, &worker, like("c2", Some("b")), 3_600_000).await;
    run(&client, &worker, like("c1", None), 1).await;
    run(&other, &worker, like("c1", None), 1_000).await;

    let all = usage(&client, UsageQuery::default()).await;
    assert_eq!(
        (all.total.jobs, all.total.core_ms, all.total.cpu_us),
        (3, 7_200_001, 21)
    );
    assert!((all.total.cost - 0.18).abs() < 1e-5, "{:?}", all.total);
    assert_eq!((all.currency.as_str(), all.rows.len()), ("EUR", 1));
    assert_eq!(all.rows[0].sum, all.total);

    let labels = usage(&client, by("label, core_type")).await;
    let seen: Vec<_> = labels
        .rows
        .iter()
        .map(|row| (row.label.as_deref(), row.core_type.as_deref(), row.sum.jobs))
        .collect();
    let expected = [
        (Some("b"), Some("c2"), 1),
        (Some("a"), Some("c1"), 1),
        (Some(""), Some("c1"), 1),
    ];
    assert_eq!(seen, expected, "largest cost first");

    let everybody = UsageQuery {
        all_accounts: true,
        ..by("account")
    };
    let accounts = usage(&client, everybody.clone()).await;
    let seen: Vec<_> = accounts
        .rows
        .iter()
        .map(|row| (row.account.as_deref(), row.sum.jobs))
        .collect();
    assert_eq!(seen, [(Some("admin"), 3), (Some("other"), 1)]);
    assert_eq!(accounts.total.jobs, 4);
    let own = usage(&other, by("day")).await;
    assert_eq!((own.total.jobs, own.rows.len()), (1, 1));
    assert_eq!(own.rows[0].day.as_deref(), Some(own.to.as_str()));

    for query in [
        everybody,
        by("account"),
        UsageQuery {
            all_accounts: true,
            ..by("day")
        },
    ] {
        refused(other.usage(&query).await, ErrorKind::Forbidden);
    }

    // Deleted jobs ran too, and a restart forgets nothing.
    client
        .delete(only(picloud_types::Jid(1)))
        .await
        .expect("deleted");
    let world = world.restarted().await;
    let after = usage(&world.client(), UsageQuery::default()).await;
    assert_eq!(after.total, all.total);
}

#[tokio::test]
async fn wrong_questions_say_what_is_right() {
    let world = World::new().await;
    let client = world.client();
    let asked = async |from: &str, to: &str, group_by: &str| {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let query = UsageQuery {
            from: some(from),
            to: some(to),
            group_by: some(group_by),
            all_accounts: false,
        };
        let answer = client.usage(&query).await;
        refused(answer, ErrorKind::BadRequest).to_string()
    };
    let said = asked("26.11.2026", "", "").await;
    assert!(
        said.contains("from is a day such as") && said.contains("26.11.2026"),
        "{said}"
    );
    let said = asked("", "2026-02-30", "").await;
    assert!(said.contains("to is a day such as"), "{said}");
    let said = asked("2026-03-01", "2026-02-01", "").await;
    assert!(said.contains("is after"), "{said}");
    let said = asked("2024-01-01", "2026-01-01", "").await;
    assert!(said.contains("732 days") && said.contains("400"), "{said}");
    let said = asked("", "", "label,colour").await;
    assert!(
        said.contains("day, core_type, label, queue, account") && said.contains("colour"),
        "{said}"
    );
    let last_year = UsageQuery {
        to: Some("2025-12-31".to_owned()),
        ..UsageQuery::default()
    };
    let reply = usage(&client, last_year).await;
    assert_eq!(
        (reply.from.as_str(), reply.to.as_str(), reply.total.jobs),
        ("2025-12-01", "2025-12-31", 0)
    );
}
