//! A real HAProxy that speaks TLS in front of plain servers and lets in only who brings a header.

use super::net::free_port;
use super::{Process, haproxy_command, wait_until};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, KeyUsagePurpose};
use std::fmt::Write as _;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::Stdio;
use tempfile::TempDir;

/// The name in its certificate.
pub const HOST: &str = "localhost";

/// What stands behind a door: where, and the header it takes.
pub struct Guarded<'a> {
    pub address: &'a str,
    pub header: &'a str,
    pub value: &'a str,
}

/// The fixture; one port for each server behind it.
pub struct Door {
    folder: TempDir,
    _process: Process,
    ports: Vec<u16>,
}

impl Door {
    /// Who brings another header is answered 401 with what they brought, as careless servers do.
    #[track_caller]
    pub fn start(guarded: &[Guarded]) -> Self {
        let folder = tempfile::Builder::new().prefix("wrdoor-").rand_bytes(6).tempdir_in("/tmp").expect("a folder");
        certify(&folder);
        let served = folder.path().join("served.pem");
        let ports: Vec<u16> = guarded.iter().map(|_| free_port()).collect();
        let mut text =
            "global\ndefaults\n  mode http\n  timeout connect 1s\n  timeout client 10s\n  timeout server 10s\n"
                .to_owned();
        for (port, Guarded { address, header, value }) in ports.iter().zip(guarded) {
            let _ = write!(
                text,
                "listen door{port}\n  bind 127.0.0.1:{port} ssl crt {}\n  \
                 http-request return status 401 content-type text/plain lf-string \"no: %[req.hdr({header})]\" \
                 unless {{ req.hdr({header}) -m str \"{value}\" }}\n  server behind {address}\n",
                served.display()
            );
        }
        let config = folder.path().join("haproxy.cfg");
        std::fs::write(&config, text).expect("the configuration");
        let mut command = haproxy_command(&config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let process = Process(child.expect("haproxy starts"));
        wait_until("every door is there", || ports.iter().all(|port| TcpStream::connect(("127.0.0.1", *port)).is_ok()));
        Self { folder, _process: process, ports }
    }

    /// The address of a door by its place in the list, under a host's name.
    pub fn url(&self, place: usize, host: &str) -> String {
        format!("https://{host}:{}", self.ports[place])
    }

    /// The CA that signed its certificate.
    pub fn ca(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }
}

/// A CA of our own, and a certificate by it for [`HOST`].
fn certify(folder: &TempDir) {
    let mut params = CertificateParams::new(Vec::new()).expect("parameters");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().expect("a key")).expect("a CA");
    let key = KeyPair::generate().expect("a key");
    let params = CertificateParams::new([HOST.to_owned()]).expect("parameters");
    let served = params.signed_by(&key, &ca).expect("a certificate");
    std::fs::write(folder.path().join("ca.pem"), ca.pem()).expect("the CA's file");
    std::fs::write(folder.path().join("served.pem"), served.pem() + &key.serialize_pem()).expect("the server's file");
}
