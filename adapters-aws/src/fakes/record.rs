//! Writes requests and replies down, so that somebody else's model of AWS can judge them.
//!
//! When the variable [`RECORD`] names a folder, each exchange becomes a line of JSON in
//! `<service>-<process>.jsonl` there. `.ci/botocore_check.py` reads them.

use std::{env, fs, io::Write, path::PathBuf, sync::Mutex};

use serde_json::{Value, json};

use super::wire::{Reply, Request};

/// The environment variable that names the folder.
pub const RECORD: &str = "TIDEGATE_AWS_RECORD";

/// Tests of one process write side by side; a line has to stay whole.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Appends one exchange, if exchanges are to be recorded.
///
/// # Panics
/// When it can not be written: a check that silently saw nothing would pass.
pub(super) fn exchange(service: &str, operation: &str, request: &Request, reply: &Reply) {
    let Some(folder) = env::var_os(RECORD).map(PathBuf::from) else { return };
    let line = json!({
        "service": service,
        "operation": operation,
        "request": {
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "headers": request.headers.iter().filter(|(name, _)| !is_private(name)).collect::<Vec<_>>(),
            "body": body(&request.body),
        },
        "reply": {
            "status": reply.status,
            "headers": reply.headers,
            "body": body(&reply.body),
        },
    });
    let _one = ONE_AT_A_TIME.lock();
    fs::create_dir_all(&folder).expect("the folder for records can be made");
    let path = folder.join(format!("{service}-{}.jsonl", std::process::id()));
    let file = fs::OpenOptions::new().create(true).append(true).open(path);
    let mut file = file.expect("the record can be opened");
    file.write_all(format!("{line}\n").as_bytes()).expect("the record can be written");
}

/// Nothing that looks like a credential is written down, though a fake's are made up.
fn is_private(header: &str) -> bool {
    matches!(header, "authorization" | "x-amz-security-token" | "user-agent" | "x-amz-user-agent")
}

/// Text where it is text, else hexadecimal.
fn body(bytes: &[u8]) -> Value {
    std::str::from_utf8(bytes).map_or_else(
        |_| json!({ "hex": bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>() }),
        |text| json!({ "text": text }),
    )
}
