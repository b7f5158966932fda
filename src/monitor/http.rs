//! Connections to the listener: so many at once, each with so long a head and so much time.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::ConnectInfo;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::monitor::Monitor;

/// Connections at once.
const MOST: usize = 128;

/// Connections at once from one address, so that one machine does not keep out the others.
const MOST_FROM_ONE: usize = 64;

/// Longest head of a request, in bytes.
const MAX_HEAD_BYTES: usize = 16 * 1024;

/// Most lines of a head.
const MAX_HEADERS: usize = 64;

/// Time for the head of a request; as long a connection may be kept between two.
const HEAD_TIME: Duration = Duration::from_secs(30);

/// Longest life of a connection: who reads an answer byte by byte does not keep its place for ever.
const LIFE: Duration = Duration::from_secs(300);

/// How long an answer that was begun may take then, or when the process ends.
const LAST_ANSWERS: Duration = Duration::from_secs(2);

/// Rest when the system hands over no connections.
const PAUSE: Duration = Duration::from_millis(100);

/// Who is connected.
#[derive(Debug, Default)]
pub(super) struct Places(Mutex<HashMap<IpAddr, usize>>);

struct Place {
    places: Arc<Places>,
    address: IpAddr,
}

impl Places {
    fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= MOST {
            return None;
        }
        let own = taken.entry(address).or_default();
        if *own >= MOST_FROM_ONE {
            return None;
        }
        *own += 1;
        Some(Place { places: Arc::clone(self), address })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.address) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// Accepts and answers until it is told to stop.
pub(super) async fn serve(
    monitor: Arc<Monitor>,
    listener: TcpListener,
    routes: Router,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = stop.cancelled() => return,
        };
        match accepted {
            Ok((stream, peer)) => match monitor.places.take(peer.ip().to_canonical()) {
                Some(place) => {
                    let (routes, stop) = (routes.clone(), stop.clone());
                    tokio::spawn(async move {
                        answer(stream, peer, routes, stop).await;
                        drop(place);
                    });
                }
                None => monitor.connection_refused(),
            },
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection to the monitor");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn answer(stream: TcpStream, peer: SocketAddr, routes: Router, stop: CancellationToken) {
    let _ = stream.set_nodelay(true);
    let service = TowerToHyperService::new(routes.layer(axum::Extension(ConnectInfo(peer))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let mut connection = std::pin::pin!(connection);
    let over = async {
        tokio::select! { () = tokio::time::sleep(LIFE) => {}, () = stop.cancelled() => {} }
    };
    let ended = tokio::select! {
        ended = connection.as_mut() => Ok(ended),
        () = over => {
            // What was asked is answered, and the next is asked on another connection.
            connection.as_mut().graceful_shutdown();
            tokio::time::timeout(LAST_ANSWERS, connection.as_mut()).await
        }
    };
    if let Ok(Err(error)) = ended {
        tracing::debug!(%peer, %error, "a connection to the monitor ended");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_does_not_take_all_places_and_what_is_given_up_can_be_taken_again() {
        let places = Arc::new(Places::default());
        let address = |last: u8| IpAddr::from([192, 0, 2, last]);
        let mut taken: Vec<Place> = (0..MOST_FROM_ONE).map(|_| places.take(address(1)).unwrap()).collect();
        assert!(places.take(address(1)).is_none());
        taken.extend((0..MOST - MOST_FROM_ONE).map(|_| places.take(address(2)).unwrap()));
        assert!(places.take(address(3)).is_none());
        drop(taken);
        assert!(places.take(address(1)).is_some());
        assert!(places.0.lock().unwrap().is_empty());
    }
}
