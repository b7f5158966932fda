//! [`ControlTls`]: the same TLS for the proxy's own connections, which are tokio-postgres's.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_postgres::{Connection, Socket};
use tokio_rustls::TlsConnector;

use crate::config::tls::ServerTls;
use crate::net::tls::certificate;
use crate::net::tls::connect::{Connector, server_name};

/// A connection of the proxy's own, encrypted where the configuration says so.
pub type ControlConnection = Connection<Socket, ControlStream<Socket>>;

/// TLS for tokio-postgres.
#[derive(Clone, Debug)]
pub struct ControlTls(Option<Connector>);

impl ControlTls {
    /// As `[server]` says.
    #[must_use]
    pub fn new(settings: &ServerTls) -> Self {
        Self(Connector::new(settings))
    }

    /// Sets whether a login asks for TLS. Where there is to be TLS nothing else will do.
    pub fn apply_to(&self, login: &mut tokio_postgres::Config) {
        let local = |host: &Host| matches!(host, Host::Unix(_));
        let only_local = login.get_hosts().iter().all(local) && login.get_hostaddrs().is_empty();
        match (&self.0, login.get_ssl_mode()) {
            (Some(_), _) if !only_local => login.ssl_mode(SslMode::Require),
            (_, SslMode::Prefer) => login.ssl_mode(SslMode::Disable),
            // A login with `sslmode=require` of its own is refused, not sent in the clear.
            (..) => login,
        };
    }
}

impl<S> MakeTlsConnect<S> for ControlTls
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = ControlStream<S>;
    type TlsConnect = ControlConnect;
    type Error = io::Error;

    fn make_tls_connect(&mut self, host: &str) -> io::Result<ControlConnect> {
        // Also called where the login asks for no TLS.
        Ok(ControlConnect { connector: self.0.clone(), host: host.to_owned() })
    }
}

/// For one connection.
#[derive(Debug)]
pub struct ControlConnect {
    connector: Option<Connector>,
    host: String,
}

impl<S> TlsConnect<S> for ControlConnect
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    type Stream = ControlStream<S>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<ControlStream<S>>> + Send>>;

    fn connect(self, stream: S) -> Self::Future {
        Box::pin(async move {
            let no_tls = "a login asks for TLS; say in `server.tls` how the server is to be verified";
            let connector = self.connector.ok_or_else(|| io::Error::other(no_tls))?;
            let config = connector.config().map_err(io::Error::other)?;
            let name = server_name(&self.host)?;
            TlsConnector::from(config).connect(name, stream).await.map(ControlStream)
        })
    }
}

/// An encrypted connection of tokio-postgres's.
#[derive(Debug)]
pub struct ControlStream<S>(tokio_rustls::client::TlsStream<S>);

impl<S: AsyncRead + AsyncWrite + Unpin> TlsStream for ControlStream<S> {
    fn channel_binding(&self) -> ChannelBinding {
        let certificates = self.0.get_ref().1.peer_certificates();
        let end_point = certificates.and_then(<[_]>::first).and_then(|der| certificate::end_point(der));
        end_point.map_or_else(ChannelBinding::none, ChannelBinding::tls_server_end_point)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for ControlStream<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for ControlStream<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
