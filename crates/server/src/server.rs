//! Starting a server and stopping it in order.

use crate::{
    app::{App, Shared, now},
    auth::{
        Cookie, JobTokens, KeyCache, Passwords, SessionCache, Throttle, WorkerToken, key_create,
        link_create, secret_new,
    },
    buckets::Buckets,
    call_limits::CallLimits,
    changes::Changes,
    duties::{crons, dispatch, handlers, keep, leases, orphans, queues, sweep},
    event_streams::EventStreams,
    fleet::Fleet,
    handlers::Handlers,
    listen::Listening,
    manifests::Manifests,
    md5s::Md5s,
    metrics::Metrics,
    options::{Options, Tls},
    published_cache::PublishedCache,
    queue_ids::QueueIds,
    queue_waiters::QueueWaiters,
    routes::router,
    terminals::Terminals,
    tls::{self, Certificate},
    waiters::Waiters,
};
use picloud_blob::{BlobError, Blobs, LocalBlobs, S3Blobs};
use picloud_scheduler::CoreTypes;
use picloud_store::{
    Committed, Store, StoreError,
    sqlite::{Durability, Options as StoreOptions, SqliteStore},
};
use picloud_types::api::{accounts::KeySecret, sessions::LinkMade};
use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    sync::{Mutex, Notify, RwLock, Semaphore},
    time::timeout,
};
use tokio_rustls::TlsAcceptor;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use tracing::{info, warn};

/// Time for requests in flight to end when the server stops.
const DRAIN_PATIENCE: Duration = Duration::from_secs(10);
/// The name of the account of the first start.
const ADMIN: &str = "admin";

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(
        "{0} can be reached from other machines, and without TLS keys and code would travel in the clear; \
         use --tls self-signed, or --tls-cert and --tls-key, or --allow-insecure if something else protects the connection"
    )]
    Insecure(SocketAddr),
    #[error("certificate {path}: {why}", path = path.display())]
    Certificate { path: PathBuf, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error("data directory: {0}")]
    Io(#[from] io::Error),
}

/// What a server keeps things in.
#[derive(Clone, Debug)]
pub struct Parts {
    pub store: Arc<dyn Store>,
    pub blobs: Arc<dyn Blobs>,
    pub wakes: Wakes,
}

/// Whom the store calls right after a transaction, before that is synced.
#[derive(Clone, Debug, Default)]
pub struct Wakes {
    /// Jobs became queued.
    queued: Arc<Notify>,
    /// Queues got messages.
    messages: Arc<Notify>,
    queues: QueueWaiters,
}

impl Wakes {
    fn call(&self, committed: &Committed) {
        if committed.queued {
            self.queued.notify_one();
        }
        for queue in &committed.queues {
            self.queues.call(*queue);
        }
        if !committed.queues.is_empty() {
            self.messages.notify_one();
        }
    }
}

impl Parts {
    /// A database below the data directory, and blobs there or in S3.
    pub fn open(options: &Options) -> Result<Self, StartError> {
        private_directory(&options.data_dir)?;
        let wakes = Wakes::default();
        let mut store = StoreOptions::new(options.data_dir.join("picloud.db"));
        store.durability = if options.durable {
            Durability::Synced
        } else {
            Durability::Relaxed
        };
        let called = wakes.clone();
        store.on_commit = Some(Arc::new(move |committed| called.call(&committed)));
        let store = SqliteStore::open(&store)?;
        let blobs: Arc<dyn Blobs> = match &options.s3 {
            Some(s3) => Arc::new(S3Blobs::new(s3)?),
            None => Arc::new(LocalBlobs::open(
                &options.data_dir.join("blobs"),
                options.durable,
            )?),
        };
        Ok(Self {
            store: Arc::new(store),
            blobs,
            wakes,
        })
    }
}

/// Only its owner looks into a data directory.
fn private_directory(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
}

/// See `Server::start`.
#[derive(Debug)]
pub struct Server;

/// A running server. Clones are the same server.
#[derive(Clone, Debug)]
pub struct Handle {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    app: Shared,
    address: SocketAddr,
    url: String,
    ca_file: Option<PathBuf>,
    first_start: Option<KeySecret>,
    tasks: TaskTracker,
}

impl Server {
    /// Starts a server on a bound listener, with everything below the data directory.
    pub async fn start(options: Options, listener: TcpListener) -> Result<Handle, StartError> {
        let certificate = may_listen(&options, &listener)?;
        let opened = {
            let options = options.clone();
            // Opening may replay a log and check a large database.
            tokio::task::spawn_blocking(move || Parts::open(&options)).await
        };
        let parts = opened.map_err(io::Error::other)??;
        Self::start_or_close(options, listener, certificate, parts).await
    }

    /// The same, with the store and the blobs given.
    pub async fn start_with(
        options: Options,
        listener: TcpListener,
        parts: Parts,
    ) -> Result<Handle, StartError> {
        let certificate = may_listen(&options, &listener)?;
        Self::start_or_close(options, listener, certificate, parts).await
    }

    async fn start_or_close(
        options: Options,
        listener: TcpListener,
        certificate: Option<Certificate>,
        parts: Parts,
    ) -> Result<Handle, StartError> {
        let store = Arc::clone(&parts.store);
        let started = Self::start_on(options, listener, certificate, parts).await;
        if started.is_err() {
            store.close().await;
        }
        started
    }

    async fn start_on(
        options: Options,
        listener: TcpListener,
        certificate: Option<Certificate>,
        parts: Parts,
    ) -> Result<Handle, StartError> {
        let (address, started) = (listener.local_addr()?, SystemTime::now());
        parts.blobs.clean().await?;
        let first_start = first_start(&*parts.store).await?;
        let secret = parts
            .store
            .setting_get_or_insert("token_secret", &secret_new())
            .await?;
        let prices = options
            .core_types
            .iter()
            .map(|kind| (kind.name.clone(), kind.price_pico_per_core_ms()));
        let prices = Arc::new(prices.collect());
        let object_secret = parts
            .store
            .setting_get_or_insert("object_secret", &secret_new())
            .await?;
        let scheme = if certificate.is_some() {
            "https"
        } else {
            "http"
        };
        let url = format!("{scheme}://{}", reachable(address));
        let buckets = Buckets::new(
            &object_secret,
            options.public_base_url.as_deref().unwrap_or(&url),
            options.bucket_quota_bytes,
            options.object_max_bytes,
        );
        let worker_token = WorkerToken::load(&options.data_dir)?;
        let app = Arc::new(App {
            store: parts.store,
            blobs: parts.blobs,
            core_types: CoreTypes::new(options.core_types),
            prices,
            currency: options.currency,
            lease: options.lease,
            upload_keep: options.upload_keep,
            payload_max_bytes: options.payload_max_bytes,
            body_timeout: options.body_timeout,
            fleet: Fleet::default(),
            ends: Waiters::new(),
            watchers: Waiters::new(),
            event_streams: EventStreams::default(),
            terminals: Terminals::default(),
            changes: Changes::default(),
            dispatch: parts.wakes.queued,
            queues: parts.wakes.queues,
            queue_ids: QueueIds::default(),
            handlers: Handlers::default(),
            messages: parts.wakes.messages,
            handlers_ended: Notify::new(),
            never: Notify::new(),
            queue_retention: options.queue_retention,
            published: PublishedCache::default(),
            call_limits: CallLimits::default(),
            crons: Notify::new(),
            handing_out: Mutex::new(()),
            kills: Notify::new(),
            packages: Notify::new(),
            sweep: Notify::new(),
            keys: KeyCache::default(),
            sessions: SessionCache::default(),
            cookie: Cookie {
                secure: certificate.is_some() || options.secure_cookies,
            },
            passwords: Passwords::default(),
            throttle: Throttle::default(),
            job_tokens: JobTokens::new(&secret),
            worker_token,
            buckets,
            manifests: Manifests::default(),
            md5s: Md5s::default(),
            metrics: Metrics::default(),
            blob_gate: RwLock::new(()),
            intake_closed: CancellationToken::new(),
            stopping: CancellationToken::new(),
        });
        leases::grace(&app).await?;
        let tasks = TaskTracker::new();
        spawn_duties(&app, &tasks);
        tasks.spawn(orphans::run(
            Arc::clone(&app),
            started,
            app.stopping.clone(),
        ));
        tasks.spawn(crons::run(Arc::clone(&app), app.stopping.clone()));
        let (config, ca_file) = certificate.map_or((None, None), |c| (Some(c.config), c.ca_file));
        listener.set_nonblocking(true)?;
        let listening = Listening {
            listener: tokio::net::TcpListener::from_std(listener)?,
            tls: config.map(TlsAcceptor::from),
            router: router(Arc::clone(&app)),
            connections: Arc::new(Semaphore::new(options.connections_max)),
            tasks: tasks.clone(),
        };
        tasks.spawn(listening.run(app.stopping.clone()));
        info!(%address, "serving");
        Ok(Handle {
            inner: Arc::new(Inner {
                app,
                address,
                url,
                ca_file,
                first_start,
                tasks,
            }),
        })
    }
}

/// Checks, before anything is opened, that connections from elsewhere would be encrypted; gets
/// the certificate ready.
fn may_listen(
    options: &Options,
    listener: &TcpListener,
) -> Result<Option<Certificate>, StartError> {
    let address = listener.local_addr()?;
    if options.tls == Tls::None && !options.allow_insecure && !is_loopback(address.ip()) {
        return Err(StartError::Insecure(address));
    }
    private_directory(&options.data_dir)?;
    tls::prepare(&options.tls, &options.data_dir, address)
}

fn is_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_loopback(),
        IpAddr::V6(ip) => {
            ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback())
        }
    }
}

/// The address under which this machine itself reaches what listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// Makes the administrator and a key, if there is none.
async fn first_start(store: &dyn Store) -> Result<Option<KeySecret>, StoreError> {
    let accounts = store.account_list().await?;
    let admin = match accounts.into_iter().find(|a| a.admin) {
        Some(admin) => admin,
        None => store.account_create(ADMIN, true, now()).await?,
    };
    // A start that was cut off between account and key is made good by the next one.
    if !store.key_list(admin.id).await?.is_empty() {
        return Ok(None);
    }
    key_create(store, admin.id, "made at the first start")
        .await
        .map(Some)
}

fn spawn_duties(app: &Shared, tasks: &TaskTracker) {
    let duty = Duty { app, tasks };
    let look_again = crate::app::LOOK_AGAIN;
    duty.spawn("dispatch", look_again, |a| &a.dispatch, dispatch::run_once);
    duty.spawn("leases", leases::every(app), |a| &a.never, leases::run_once);
    duty.spawn("sweep", sweep::EVERY, |a| &a.sweep, sweep::run_once);
    duty.spawn("handlers", look_again, |a| &a.messages, handlers::start);
    duty.spawn(
        "release",
        look_again,
        |a| &a.handlers_ended,
        handlers::release,
    );
    duty.spawn("queues", queues::EVERY, |a| &a.never, queues::run_once);
}

/// What every duty needs.
struct Duty<'a> {
    app: &'a Shared,
    tasks: &'a TaskTracker,
}

impl Duty<'_> {
    fn spawn<Fut>(
        &self,
        name: &'static str,
        every: Duration,
        wake: fn(&App) -> &Notify,
        once: fn(Shared) -> Fut,
    ) where
        Fut: Future<Output = Result<(), StoreError>> + Send + 'static,
    {
        let (app, stop) = (Arc::clone(self.app), self.app.stopping.clone());
        self.tasks.spawn(async move {
            let once = || once(Arc::clone(&app));
            keep(name, every, wake(&app), &stop, once).await;
        });
    }
}

impl Handle {
    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.inner.address
    }

    /// The URL under which this machine reaches it.
    pub fn url(&self) -> &str {
        &self.inner.url
    }

    /// The token that workers show.
    pub fn worker_token(&self) -> &str {
        self.inner.app.worker_token.reveal()
    }

    /// The certificate that clients must be told to trust, if it was made here.
    pub fn ca_file(&self) -> Option<&Path> {
        self.inner.ca_file.as_deref()
    }

    /// The administrator's key, if this start made it.
    pub fn first_start(&self) -> Option<&KeySecret> {
        self.inner.first_start.as_ref()
    }

    /// A link that signs the administrator in once, while they have no password: how the first one gets in.
    pub async fn administrator_link(&self) -> Result<Option<LinkMade>, StoreError> {
        let store = &*self.inner.app.store;
        let accounts = store.account_list().await?;
        let Some(admin) = accounts.into_iter().find(|a| a.admin) else {
            return Ok(None);
        };
        match store.password_find(&admin.name).await? {
            Some((admin, None)) => link_create(store, admin).await.map(Some),
            _ => Ok(None),
        }
    }

    /// No new jobs are taken and none are handed out; reports and questions go on.
    pub fn stop_intake(&self) {
        self.inner.app.intake_closed.cancel();
        self.inner.app.fleet.release();
    }

    /// Stops: intake, requests in flight, then the store. Returns once everything is on disk.
    pub async fn stop(&self) {
        let Inner { app, tasks, .. } = &*self.inner;
        self.stop_intake();
        app.stopping.cancel();
        tasks.close();
        if timeout(DRAIN_PATIENCE, tasks.wait()).await.is_err() {
            warn!(
                connections = tasks.len(),
                "requests in flight did not end in time"
            );
        }
        app.store.close().await;
        info!("stopped");
    }
}
