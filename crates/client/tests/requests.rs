//! What goes over the wire, seen by a small HTTP server of the test's own.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post, put},
};
use futures_util::{StreamExt as _, stream};
use picloud_client::{ApiClient, BlobSource, ClientError, Options, WorkerClient};
use picloud_types::{
    AccountId, ApiError, Attempt, ErrorBody, ErrorKind, Hash, Jid, JobState, Payload, SpecId,
    Stream, WorkerId,
    api::{
        jobs::ListQuery,
        results::{ResultFrame, ResultsHeader, ResultsRequest},
        workers::{OutputReport, PullHeader, PullRequest, PulledJob, PulledSpec, ReportHeader},
    },
    frames::{FrameReader, FrameWriter},
};
use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Serves `routes` on a port of the system's choice; counts connections.
async fn serve(routes: Router) -> (Options, Arc<AtomicUsize>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let address = listener.local_addr().expect("bound");
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = CountingListener {
        listener,
        count: connections.clone(),
    };
    tokio::spawn(async move { axum::serve(counted, routes).await });
    (Options::new(format!("http://{address}")), connections)
}

struct CountingListener {
    listener: tokio::net::TcpListener,
    count: Arc<AtomicUsize>,
}

impl axum::serve::Listener for CountingListener {
    type Io = tokio::net::TcpStream;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let accepted = axum::serve::Listener::accept(&mut self.listener).await;
        self.count.fetch_add(1, Ordering::SeqCst);
        accepted
    }

    fn local_addr(&self) -> std::io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

fn api(options: &Options) -> ApiClient {
    ApiClient::new(options, "7", "s3cret").expect("a good address")
}

fn worker(options: &Options) -> WorkerClient {
    WorkerClient::new(options, "t0ken").expect("a good address")
}

#[tokio::test]
async fn a_refusal_keeps_its_kind_and_its_hint() {
    let answer = || async {
        let error =
            ApiError::new(ErrorKind::Unauthorized, "key 7 is not active").hint("activate it");
        (
            StatusCode::UNAUTHORIZED,
            serde_json::to_string(&ErrorBody { error }).expect("JSON"),
        )
            .into_response()
    };
    let (options, _) = serve(Router::new().route("/v1/service", get(answer))).await;
    let error = api(&options).service().await.expect_err("refused");
    assert_eq!(error.kind(), Some(ErrorKind::Unauthorized));
    assert_eq!(
        (error.to_string().as_str(), error.hint()),
        ("key 7 is not active", Some("activate it"))
    );
    assert!(!error.may_retry());
}

#[tokio::test]
async fn nobody_there_is_unreachable_and_says_how_to_start_a_server() {
    // A port that was free a moment ago, and is reserved by nobody.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
    let options = Options::new(format!("http://{}", listener.local_addr().expect("bound")));
    drop(listener);
    let error = api(&options).service().await.expect_err("nobody there");
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
    assert!(
        error.hint().is_some_and(|h| h.contains("picloud serve")),
        "{error:?}"
    );
    assert!(error.may_retry());
}

#[tokio::test]
async fn a_connection_that_breaks_is_unreachable() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a free port");
    let options = Options::new(format!("http://{}", listener.local_addr().expect("bound")));
    tokio::spawn(async move { while listener.accept().await.is_ok() {} });
    let error = api(&options).service().await.expect_err("it broke");
    assert!(
        matches!(error, ClientError::Unreachable { .. }),
        "{error:?}"
    );
}

#[tokio::test]
async fn what_is_no_picloud_server_is_a_protocol_error() {
    let routes = Router::new()
        .route("/v1/service", get(|| async { "<html>welcome</html>" }))
        .route(
            "/v1/keys",
            get(|| async { (StatusCode::NOT_FOUND, "<html>where?</html>") }),
        );
    let (options, _) = serve(routes).await;
    for error in [
        api(&options).service().await.expect_err("not JSON"),
        api(&options).keys().await.expect_err("not our error"),
    ] {
        assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
    }
}

#[tokio::test]
async fn credentials_go_along_and_the_connection_stays() {
    let echo = |headers: HeaderMap| async move {
        let sent = headers["authorization"].to_str().expect("text").to_owned();
        let error = ApiError::new(ErrorKind::Forbidden, sent);
        (
            StatusCode::FORBIDDEN,
            serde_json::to_string(&ErrorBody { error }).expect("JSON"),
        )
    };
    let (options, connections) = serve(
        Router::new()
            .route("/v1/service", get(echo))
            .route("/v1/workers/1/bye", post(echo)),
    )
    .await;
    let client = api(&options);
    for _ in 0..50 {
        // "7:s3cret" in base64.
        assert_eq!(
            client.service().await.expect_err("echo").to_string(),
            "Basic NzpzM2NyZXQ="
        );
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    assert_eq!(
        worker(&options)
            .bye(WorkerId(1))
            .await
            .expect_err("echo")
            .to_string(),
        "Bearer t0ken"
    );
}

#[tokio::test]
async fn a_pull_brings_functions_and_arguments() {
    let reply = PullHeader {
        specs: vec![PulledSpec {
            id: SpecId(3),
            account: AccountId(1),
            spec: picloud_types::JobSpec::default(),
            compute_units: 1.0,
            memory_bytes: 1,
            own_ip: false,
            mounts: Vec::new(),
        }],
        jobs: [5, 6]
            .map(|jid| PulledJob {
                jid: Jid(jid),
                attempt: Attempt(1),
                spec: SpecId(3),
                token: "t".into(),
            })
            .to_vec(),
        kills: Vec::new(),
    };
    let blob = Payload::Blob {
        hash: Hash::of(b"big"),
        size: 1 << 20,
    };
    let mut frames = FrameWriter::with_header(&reply);
    for payload in [
        Payload::Inline("function".into()),
        Payload::Inline("args".into()),
        blob.clone(),
    ] {
        frames.push(&payload.encode());
    }
    let body = frames.finish();
    let cut = body.slice(..body.len() - 45);
    let answer = move |body: Bytes| async move { body };
    let routes = Router::new()
        .route("/v1/workers/9/pull", post(move || answer(body)))
        .route("/v1/workers/8/pull", post(move || answer(cut)));
    let (options, _) = serve(routes).await;

    let request = PullRequest {
        free_units: 2.0,
        wait_ms: 10,
        ..PullRequest::default()
    };
    let pulled = worker(&options)
        .pull(WorkerId(9), &request)
        .await
        .expect("answered");
    assert_eq!(pulled.functions, [Payload::Inline("function".into())]);
    assert_eq!(pulled.args, [Payload::Inline("args".into()), blob]);
    let error = worker(&options)
        .pull(WorkerId(8), &request)
        .await
        .expect_err("one frame is missing");
    assert!(matches!(error, ClientError::Protocol(_)), "{error:?}");
}

#[tokio::test]
async fn a_report_carries_payloads_then_output() {
    let check = |body: Bytes| async move {
        let mut frames = FrameReader::new(body);
        let header: ReportHeader = frames.header().expect("a header");
        assert_eq!(header.output.len(), 1);
        assert_eq!(frames.expect_frame().expect("output"), "hello");
        assert_eq!(frames.next_frame(), Ok(None));
        r#"{"refused": [{"jid": 4, "attempt": 2}]}"#
    };
    let (options, _) = serve(Router::new().route("/v1/workers/9/report", post(check))).await;
    let output = OutputReport {
        jid: Jid(4),
        attempt: Attempt(2),
        stream: Stream::Stdout,
        offset: 0,
    };
    let header = ReportHeader {
        output: vec![output],
        ..ReportHeader::default()
    };
    let reply = worker(&options)
        .report(WorkerId(9), &header, &[], &["hello".into()])
        .await
        .expect("answered");
    assert_eq!(reply.refused.len(), 1);
}

#[tokio::test]
async fn results_come_in_the_order_of_their_frames() {
    let frames = [(1, JobState::Done), (2, JobState::Killed)].map(|(jid, state)| ResultFrame {
        jid: Jid(jid),
        state,
        failure: None,
        payload: Payload::Inline("x".into()),
    });
    let mut body = FrameWriter::with_header(&ResultsHeader { count: 2 });
    frames.iter().for_each(|frame| body.push(&frame.encode()));
    let body = body.finish();
    let (options, _) =
        serve(Router::new().route("/v1/jobs/results", post(move || async move { body }))).await;
    let request = ResultsRequest {
        jids: "1-2".parse().expect("ids"),
        timeout_ms: 0,
        linger_ms: 0,
        max_count: None,
    };
    assert_eq!(
        api(&options).results(&request).await.expect("answered"),
        frames
    );
}

#[tokio::test]
async fn contents_stream_both_ways_with_their_length_announced() {
    const PARTS: usize = 64;
    let part = Bytes::from(vec![7; 64 * 1024]);
    let total = PARTS * part.len();
    let up = |headers: HeaderMap, Path(hash): Path<String>, body: Bytes| async move {
        let announced: usize = headers["content-length"]
            .to_str()
            .expect("text")
            .parse()
            .expect("a number");
        assert_eq!((announced, Hash::of(&body).to_string()), (body.len(), hash));
    };
    let content = Bytes::from(vec![7; total]);
    let down = content.clone();
    let routes = Router::new()
        .route("/v1/blobs/{hash}", put(up))
        .route(
            "/v1/workers/1/accounts/2/blobs/{hash}",
            get(move || async move { down }),
        )
        .layer(axum::extract::DefaultBodyLimit::disable());
    let (options, _) = serve(routes).await;
    let hash = Hash::of(&content);

    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("content");
    std::fs::write(&file, &content).expect("written");
    let parts = stream::iter((0..PARTS).map(move |_| Ok(part.clone()))).boxed();
    let sources = [
        BlobSource::Bytes(content.clone()),
        BlobSource::File(file),
        BlobSource::Stream {
            size: total as u64,
            parts,
        },
    ];
    for source in sources {
        let name = format!("{source:?}");
        api(&options).blob_put(hash, source).await.expect(&name);
    }
    let body = worker(&options)
        .blob_get(WorkerId(1), AccountId(2), hash, None)
        .await
        .expect("there");
    assert_eq!(body.size, total as u64);
    assert_eq!(body.collect().await.expect("whole"), content);
}

#[tokio::test]
async fn output_says_where_it_begins_and_whether_more_will_come() {
    let answer = |Query(query): Query<HashMap<String, String>>| async move {
        assert_eq!(
            (query["offset"].as_str(), query["follow_ms"].as_str()),
            ("10", "5")
        );
        let headers = [
            ("x-picloud-offset", "30"),
            ("x-picloud-total", "35"),
            ("x-picloud-finished", "true"),
        ];
        (headers, "hello").into_response() as Response
    };
    let (options, _) = serve(Router::new().route("/v1/jobs/4/output/stdout", get(answer))).await;
    let chunk = api(&options)
        .output(Jid(4), Stream::Stdout, 10, 100, Duration::from_millis(5))
        .await
        .expect("answered");
    assert_eq!(
        (
            chunk.offset,
            chunk.next_offset(),
            chunk.total,
            chunk.finished
        ),
        (30, 35, 35, true)
    );
}

#[tokio::test]
async fn a_list_asks_only_for_what_was_given() {
    let answer = |axum::extract::RawQuery(query): axum::extract::RawQuery| async move {
        assert_eq!(query.as_deref(), Some("label=a+%26+b&limit=3"));
        r#"{"jobs": [], "next": null}"#
    };
    let (options, _) = serve(Router::new().route("/v1/jobs", get(answer))).await;
    let query = ListQuery {
        label: Some("a & b".into()),
        limit: Some(3),
        ..ListQuery::default()
    };
    assert_eq!(
        api(&options).list(&query).await.expect("answered").next,
        None
    );
}
