//! A relay on loopback between a journal and its server, which loses an answer when it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU16, Ordering},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What a relay does to its connections.
#[derive(Debug, Default)]
struct Orders {
    /// The answer to the next statement that is carried out is lost, and its connection with it.
    lose_next: AtomicBool,
    /// The same of the next `COMMIT`.
    lose_commit: AtomicBool,
    /// Statements that were carried out and whose answers were lost.
    lost: AtomicU16,
}

/// A relay. Ends with the runtime that it runs on.
#[derive(Clone, Debug)]
pub(crate) struct Proxy {
    pub(crate) port: u16,
    orders: Arc<Orders>,
}

impl Proxy {
    pub(crate) async fn to(host: String, port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let proxy = Self { port: listener.local_addr().unwrap().port(), orders: Arc::default() };
        let orders = proxy.orders.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let server = TcpStream::connect((host.as_str(), port)).await.unwrap();
                tokio::spawn(relay(client, server, orders.clone()));
            }
        });
        proxy
    }

    pub(crate) fn lose_next_answer(&self) {
        self.orders.lose_next.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lose_next_commit(&self) {
        self.orders.lose_commit.store(true, Ordering::SeqCst);
    }

    pub(crate) fn lost(&self) -> u16 {
        self.orders.lost.load(Ordering::SeqCst)
    }
}

/// A prepared statement is carried out by a message that begins so. Preparing begins otherwise, and
/// so do the plain texts that begin and end transactions.
const BIND: u8 = b'B';

/// The plain text that commits a transaction, after its type and length.
const COMMIT: &[u8] = b"COMMIT";

async fn relay(mut client: TcpStream, mut server: TcpStream, orders: Arc<Orders>) {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let mut losing = false;
    loop {
        tokio::select! {
            read = client.read(&mut asked) => {
                let Ok(bytes @ 1..) = read else { return };
                if asked[0] == BIND {
                    losing |= orders.lose_next.swap(false, Ordering::SeqCst);
                }
                if asked[..bytes].get(5..11) == Some(COMMIT) {
                    losing |= orders.lose_commit.swap(false, Ordering::SeqCst);
                }
                if server.write_all(&asked[..bytes]).await.is_err() { return }
            }
            read = server.read(&mut answered) => {
                let Ok(bytes @ 1..) = read else { return };
                if losing {
                    orders.lost.fetch_add(1, Ordering::SeqCst);
                    return;
                }
                if client.write_all(&answered[..bytes]).await.is_err() { return }
            }
        }
    }
}
