//! The HTTP service with a journal in a file: killed while it waits for an approval, and started again.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use serde_json::{Value, json};

use crate::examples::{Running, path_of};

/// No answer takes this long, however busy the host is.
const LIMIT: Duration = Duration::from_secs(60);

/// The service as a process, and where it listens.
struct Service {
    process: Running,
    address: String,
}

impl Service {
    fn start(journal: &Path) -> Self {
        let mut command = Command::new(path_of("http_service"));
        command.args(["127.0.0.1:0", "--journal"]).arg(journal).stdout(Stdio::piped());
        let mut process = Running(command.spawn().unwrap());
        let mut line = String::new();
        BufReader::new(process.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on http://");
        let address = address.unwrap_or_else(|| panic!("it says {line:?}")).to_owned();
        Self { process, address }
    }

    fn kill(mut self) {
        self.process.0.kill().unwrap();
        self.process.0.wait().unwrap();
    }

    fn send(&self, what: &str, body: &str) -> BufReader<TcpStream> {
        let mut socket = TcpStream::connect(&self.address).unwrap();
        socket.set_read_timeout(Some(LIMIT)).unwrap();
        let (json, length) = ("Content-Type: application/json", body.len());
        write!(socket, "{what} HTTP/1.0\r\n{json}\r\nContent-Length: {length}\r\n\r\n{body}")
            .unwrap();
        BufReader::new(socket)
    }

    fn ask(&self, what: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = String::new();
        self.send(what, &body).read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap_or_else(|error| panic!("{error}: {answer}"))
    }

    /// Listens to a rollout's decisions until there is one of these events with these words in it;
    /// its data.
    fn until(&self, kind: &str, words: &str) -> String {
        let mut stream = self.send("GET /rollouts/1/decisions", "");
        let (mut line, mut event) = (String::new(), String::new());
        while stream.read_line(&mut line).unwrap() > 0 {
            if let Some(found) = line.trim_end().strip_prefix("event: ") {
                found.clone_into(&mut event);
            } else if let Some(data) = line.trim_end().strip_prefix("data: ")
                && event == kind
                && data.contains(words)
            {
                return data.to_owned();
            }
            line.clear();
        }
        panic!("the stream ended before {kind:?} with {words:?}")
    }
}

#[test]
fn a_service_that_was_killed_goes_on_with_its_rollout_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("rollouts.db");
    let service = Service::start(&journal);
    let revisions = json!({ "stable": "v1", "candidate": "v2" });
    let body = json!({ "revisions": revisions, "actor": "ada" });
    assert_eq!(service.ask("POST /rollouts", &body)["rollout"], 1);
    let asked = service.until("asked", "approve");
    service.kill();

    let service = Service::start(&journal);
    // The simulated world began anew with the process: it may have to be set again first.
    let phase = service.ask("GET /rollouts/1", &Value::Null)["phase"].clone();
    assert!(phase == "gating" || phase == "moving", "{phase}");
    assert_eq!(service.until("asked", "approve"), asked, "it asks for what it asked for before");
    let order: Value = serde_json::from_str(&asked).unwrap();
    let body = json!({ "order": order, "actor": "grace", "reason": "looks good" });
    let told = service.ask("POST /rollouts/1/commands", &body);
    assert!(told["record"].is_u64(), "{told}");
    assert_eq!(service.until("ended", ""), "completed");
}
