//! `tidegate run` over AWS's protocols: a Lambda alias of an emulator, whole processes, killed and started
//! again.
//!
//! `.ci/emulators` starts the emulator; without it these tests are left out.

use std::{
    env,
    io::{Read, Write},
    net::TcpStream,
    process::Command,
};

use serde_json::{Value, json};

use crate::{
    code, repository, stderr, stdout,
    world::{Place, Running},
};

/// A function with two versions and an alias on the first.
struct Function {
    endpoint: String,
    name: String,
}

impl Function {
    fn new(name: &str) -> Self {
        let endpoint = env::var("TIDEGATE_MINISTACK").unwrap_or_else(|_| {
            panic!("TIDEGATE_MINISTACK is not set: start the emulators with .ci/emulators")
        });
        let function = Self { endpoint, name: name.to_owned() };
        // The end of a central directory: an archive without a file ("APPNOTE" 4.3.16), in base 64.
        let archive = "UEsFBgAAAAAAAAAAAAAAAAAAAAAAAA==";
        function.call(
            "POST",
            "",
            &json!({
                "FunctionName": name, "Runtime": "python3.12", "Handler": "main.handle",
                "Role": "arn:aws:iam::123456789012:role/checkout", "Code": { "ZipFile": archive },
            }),
        );
        for version in ["the first", "the second"] {
            function.call(
                "PUT",
                &format!("/{name}/configuration"),
                &json!({ "Description": version }),
            );
            function.call("POST", &format!("/{name}/versions"), &json!({ "Description": version }));
        }
        function.call(
            "POST",
            &format!("/{name}/aliases"),
            &json!({ "Name": "live", "FunctionVersion": "1" }),
        );
        function.becomes_active("2");
        function
    }

    /// New versions are pending for a moment, as they are on AWS.
    fn becomes_active(&self, version: &str) {
        let path = format!("/{}/configuration?Qualifier={version}", self.name);
        let active = |_| self.call("GET", &path, &Value::Null)["State"] == "Active";
        assert!((0..10_000).any(active), "version {version} never becomes active");
    }

    fn call(&self, method: &str, path: &str, body: &Value) -> Value {
        let host = self.endpoint.trim_start_matches("http://");
        let body = if method == "GET" { String::new() } else { body.to_string() };
        let mut stream = TcpStream::connect(host).unwrap();
        let scope = "AWS4-HMAC-SHA256 Credential=fake/20261121/eu-central-1/lambda/aws4_request";
        write!(
            stream,
            "{method} /2015-03-31/functions{path} HTTP/1.0\r\nhost: {host}\r\ncontent-length: {}\r\n\
             authorization: {scope}, SignedHeaders=host, Signature=0\r\n\r\n{body}",
            body.len()
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.contains(" 20"), "{method} {path}: {answer}");
        serde_json::from_str(body).unwrap()
    }

    /// The alias's version, and the one beside it with its share.
    fn live(&self) -> (Value, Value) {
        let alias = self.call("GET", &format!("/{}/aliases/live", self.name), &Value::Null);
        let beside = alias["RoutingConfig"]["AdditionalVersionWeights"].clone();
        (alias["FunctionVersion"].clone(), beside)
    }

    /// A plan for it, in a folder of its own.
    fn place(&self) -> Place {
        let place = Place::new();
        let plan = repository().join("cli/tests/adapters/alias.yaml");
        let plan = std::fs::read_to_string(plan).unwrap();
        let plan = plan.replace("function: checkout", &format!("function: {}", self.name));
        std::fs::write(place.path("alias.yaml"), plan).unwrap();
        place
    }

    fn command(&self, place: &Place, line: &str) -> Command {
        let mut command = place.command(line);
        command
            .env("AWS_ENDPOINT_URL_LAMBDA", &self.endpoint)
            .env("AWS_REGION", "eu-central-1")
            .env("AWS_ACCESS_KEY_ID", "fake")
            .env("AWS_SECRET_ACCESS_KEY", "fake");
        command
    }

    fn run(&self, place: &Place) -> Running {
        Running::of(&mut self.command(place, "run alias.yaml --stable 1 --candidate 2"))
    }
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_run_killed_at_every_step_goes_on_and_completes() {
    let function = Function::new("run-killed");
    let place = function.place();
    for told in ["was opened", "10 %", "50 %", "100 %"] {
        let mut run = function.run(&place);
        run.until(told);
        run.kill();
    }
    let (code, printed) = function.run(&place).end();
    assert_eq!((code, printed.contains("completed")), (0, true), "{printed}");
    assert_eq!(function.live().0, "2");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn an_aborted_run_gives_the_alias_back_and_ends_with_1() {
    let function = Function::new("run-aborted");
    let place = function.place();
    let mut run = function.run(&place);
    run.until("10 %");
    assert_eq!(code(&place.tidegate("abort 1 --reason no")), 0);
    let (code, printed) = run.end();
    assert_eq!((code, printed.contains("rolled back")), (1, true), "{printed}");
    assert_eq!(function.live().0, "1");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn what_is_in_the_way_is_listed_and_nothing_is_begun() {
    let function = Function::new("run-in-the-way");
    let place = function.place();
    let line = "--stable 1 --candidate 7";
    let output =
        function.command(&place, &format!("preflight alias.yaml {line}")).output().unwrap();
    assert_eq!(code(&output), 1, "{}{}", stdout(&output), stderr(&output));
    assert!(stdout(&output).contains("missing: version 7"), "{}", stdout(&output));
    let output = function.command(&place, &format!("run alias.yaml {line}")).output().unwrap();
    assert_eq!(code(&output), 64, "{}{}", stdout(&output), stderr(&output));
    assert!(stderr(&output).contains("nothing was begun"), "{}", stderr(&output));
    let clear = function.command(&place, "preflight alias.yaml --stable 1 --candidate 2");
    let clear = { clear }.output().unwrap();
    assert_eq!(code(&clear), 0, "{}{}", stdout(&clear), stderr(&clear));
    assert_eq!(function.live().0, "1");
}

#[test]
#[ignore = "needs an emulator: see .ci/emulators"]
fn a_service_that_can_not_be_reached_ends_a_run_with_74() {
    let function = Function::new("run-unreachable");
    let place = function.place();
    let mut command = function.command(&place, "run alias.yaml --stable 1 --candidate 2");
    // Nobody listens on the port of discarded packets.
    let output = command.env("AWS_ENDPOINT_URL_LAMBDA", "http://127.0.0.1:9").output().unwrap();
    assert_eq!(code(&output), 74, "{}{}", stdout(&output), stderr(&output));
}
