//! Certificates: from files, or made at the first start and kept.

use crate::{StartError, options::Tls};
use rcgen::{CertificateParams, KeyPair};
use rustls::{
    ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufReader, Write},
    net::{IpAddr, SocketAddr, UdpSocket},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// What connections are encrypted with.
pub(crate) struct Certificate {
    pub(crate) config: Arc<ServerConfig>,
    /// The file that clients must be told to trust, when we made it.
    pub(crate) ca_file: Option<PathBuf>,
}

/// Gets what `tls` says ready; none for plain HTTP.
pub(crate) fn prepare(
    tls: &Tls,
    data_dir: &Path,
    address: SocketAddr,
) -> Result<Option<Certificate>, StartError> {
    let (cert, key, own) = match tls {
        Tls::None => return Ok(None),
        Tls::Files { cert, key } => (cert.clone(), key.clone(), false),
        Tls::SelfSigned => {
            let directory = data_dir.join("tls");
            let (cert, key) = (directory.join("cert.pem"), directory.join("key.pem"));
            if !cert.exists() || !key.exists() {
                make(&directory, &cert, &key, address)?;
            }
            (cert, key, true)
        }
    };
    let config = load(&cert, &key)?;
    Ok(Some(Certificate {
        config: Arc::new(config),
        ca_file: own.then_some(cert),
    }))
}

fn load(cert: &Path, key: &Path) -> Result<ServerConfig, StartError> {
    let bad = |path: &Path, why: String| StartError::Certificate {
        path: path.to_owned(),
        why,
    };
    let open = |path: &Path| {
        File::open(path)
            .map(BufReader::new)
            .map_err(|e| bad(path, e.to_string()))
    };
    let chain: Vec<CertificateDer<'static>> = rustls_pemfile::certs(&mut open(cert)?)
        .collect::<Result<_, _>>()
        .map_err(|e| bad(cert, e.to_string()))?;
    let key_der: PrivateKeyDer<'static> = rustls_pemfile::private_key(&mut open(key)?)
        .map_err(|e| bad(key, e.to_string()))?
        .ok_or_else(|| bad(key, "it has no private key".to_owned()))?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| bad(cert, e.to_string()))?
        .with_no_client_auth()
        .with_single_cert(chain, key_der)
        .map_err(|e| bad(cert, e.to_string()))?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn make(directory: &Path, cert: &Path, key: &Path, address: SocketAddr) -> Result<(), StartError> {
    let failed = |e: rcgen::Error| StartError::Certificate {
        path: cert.to_owned(),
        why: e.to_string(),
    };
    let pair = KeyPair::generate().map_err(failed)?;
    let mut about = CertificateParams::new(names(address)).map_err(failed)?;
    about
        .distinguished_name
        .push(rcgen::DnType::CommonName, "picloud");
    // Clients are told to trust exactly this certificate. It must not be an authority all the same:
    // rustls refuses one as the certificate of a server.
    about.is_ca = rcgen::IsCa::ExplicitNoCa;
    about.key_usages = vec![rcgen::KeyUsagePurpose::DigitalSignature];
    about.extended_key_usages = vec![rcgen::ExtendedKeyUsagePurpose::ServerAuth];
    let signed = about.self_signed(&pair).map_err(failed)?;
    fs::create_dir_all(directory)?;
    write(key, 0o600, &pair.serialize_pem())?;
    write(cert, 0o644, &signed.pem())?;
    Ok(())
}

fn write(path: &Path, mode: u32, text: &str) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let _ = fs::remove_file(&fresh);
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&fresh)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    fs::rename(fresh, path)
}

/// Under which names and addresses this machine may be reached.
fn names(address: SocketAddr) -> Vec<String> {
    let mut names = vec![
        "localhost".to_owned(),
        "127.0.0.1".to_owned(),
        "::1".to_owned(),
    ];
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let host = host.trim();
    if !host.is_empty()
        && host
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '.')
    {
        names.push(host.to_owned());
    }
    let bound = (!address.ip().is_unspecified()).then(|| address.ip());
    names.extend(bound.into_iter().chain(outward()).map(|ip| ip.to_string()));
    names.sort();
    names.dedup();
    names
}

/// The address this machine uses towards others. Connecting a datagram socket only looks up the
/// route; nothing is sent (192.0.2.1 is reserved for documentation).
fn outward() -> Option<IpAddr> {
    let socket = UdpSocket::bind(("0.0.0.0", 0)).ok()?;
    socket.connect(("192.0.2.1", 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}
