//! The service's only visitor when it is run without an argument: starts a rollout, listens to its
//! decisions, and approves its gate when asked.
//!
//! Plain sockets and HTTP/1.0, which ends an answer by closing: no client library is needed.

use std::{io, net::SocketAddr};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::TcpStream,
};

pub(crate) async fn one_rollout(service: SocketAddr) -> io::Result<()> {
    let revisions = json!({ "stable": "v1", "candidate": "v2" });
    let body = json!({ "revisions": revisions, "actor": "ada" });
    let started = ask(service, "POST /rollouts", &body).await?;
    println!("started: {started}");
    let path = format!("/rollouts/{}", started["rollout"]);

    let mut stream = send(service, &format!("GET {path}/decisions"), "").await?;
    let (mut line, mut kind) = (String::new(), String::new());
    while stream.read_line(&mut line).await? > 0 {
        if let Some(event) = line.trim_end().strip_prefix("event: ") {
            event.clone_into(&mut kind);
        } else if let Some(data) = line.trim_end().strip_prefix("data: ") {
            println!("{kind:>8}: {data}");
            let asked: Value = serde_json::from_str(data).unwrap_or_default();
            if kind == "asked" && asked.get("approve").is_some() {
                // What is asked for reads as the order that answers it: {"approve": {gate}}.
                let body = json!({ "order": asked, "actor": "grace", "reason": "looks good" });
                ask(service, &format!("POST {path}/commands"), &body).await?;
            }
        }
        line.clear();
    }
    println!("at last: {}", ask(service, &format!("GET {path}"), &Value::Null).await?);
    let late = json!({ "order": "abort", "actor": "ada" });
    println!("too late: {}", ask(service, &format!("POST {path}/commands"), &late).await?);
    Ok(())
}

/// One request with a whole answer.
async fn ask(service: SocketAddr, what: &str, body: &Value) -> io::Result<Value> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let mut answer = String::new();
    send(service, what, &body).await?.read_to_string(&mut answer).await?;
    let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
    serde_json::from_str(body).map_err(io::Error::other)
}

/// Sends a request; what is read from then on is the answer.
async fn send(service: SocketAddr, what: &str, body: &str) -> io::Result<BufReader<TcpStream>> {
    let mut socket = TcpStream::connect(service).await?;
    let length = body.len();
    let head = "Content-Type: application/json\r\nContent-Length";
    let request = format!("{what} HTTP/1.0\r\n{head}: {length}\r\n\r\n{body}");
    socket.write_all(request.as_bytes()).await?;
    Ok(BufReader::new(socket))
}
