//! Accepting connections and speaking HTTP/1.1 on them.

use crate::peer::Peer;
use axum::{Router, http::Request};
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{sync::Arc, time::Duration};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    select,
    sync::Semaphore,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tower::ServiceExt as _;
use tracing::{debug, warn};

/// Time for a TLS handshake, and for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a failure to accept, which is usually a lack of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Everything that is needed to serve.
pub(crate) struct Listening {
    pub(crate) listener: TcpListener,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) router: Router,
    /// Connections at one time.
    pub(crate) connections: Arc<Semaphore>,
    pub(crate) tasks: TaskTracker,
}

impl Listening {
    /// Serves until `stop`; connections then finish the request they are at.
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let room = Arc::clone(&self.connections).acquire_owned();
            let Ok(room) = (select! { room = room => room, () = stop.cancelled() => return })
            else {
                return;
            };
            let accepted =
                select! { a = self.listener.accept() => a, () = stop.cancelled() => return };
            let (stream, peer) = match accepted {
                Ok((stream, address)) => (stream, Peer(address.ip().to_canonical())),
                Err(error) => {
                    warn!(%error, "could not accept a connection");
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (tls, router, stop) = (self.tls.clone(), self.router.clone(), stop.clone());
            self.tasks.spawn(async move {
                begin(stream, peer, tls, router, stop).await;
                drop(room);
            });
        }
    }
}

async fn begin(
    stream: TcpStream,
    peer: Peer,
    tls: Option<TlsAcceptor>,
    router: Router,
    stop: CancellationToken,
) {
    // Answers are small and wait for nothing: never hold one back to fill a packet.
    let _ = stream.set_nodelay(true);
    match tls {
        None => serve(stream, peer, router, stop).await,
        Some(acceptor) => match timeout(HEAD_TIMEOUT, acceptor.accept(stream)).await {
            Ok(Ok(stream)) => serve(stream, peer, router, stop).await,
            Ok(Err(error)) => debug!(%error, "TLS handshake failed"),
            Err(_) => debug!("TLS handshake timed out"),
        },
    }
}

async fn serve(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: Peer,
    router: Router,
    stop: CancellationToken,
) {
    let with_peer = router.map_request(move |mut request: Request<_>| {
        request.extensions_mut().insert(peer);
        request
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(with_peer));
    tokio::pin!(connection);
    let ended = select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        debug!(%error, "a connection broke");
    }
}
