//! The OpenAPI document says what is true.

use serde_json::Value;

use super::{Served, TOKEN};
use crate::drivers::stories::python_program;
use crate::support::proxy::Proxy;

#[test]
fn every_path_of_the_document_is_there_and_asks_for_a_token_where_it_says_so() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    let document = api.send("GET", "/v1/openapi.json", &[], "").body;
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 12);
    for (path, operations) in paths {
        let mut filled = path.replace("{id}", "000000000000");
        for name in ["{slug}", "{user}", "{backup}"] {
            filled = filled.replace(name, "nobody");
        }
        for (method, operation) in operations.as_object().unwrap() {
            let status = api.send(&method.to_uppercase(), &filled, &[], "").status;
            let open = operation["security"] == Value::Array(Vec::new());
            assert!(
                if open { status == 200 || status == 400 } else { status == 401 },
                "{method} {path}: {status}"
            );
        }
    }
}

/// Made-up requests by the hundred, good and bad, from the document alone: every answer is one that it promises.
#[test]
fn schemathesis_finds_no_answer_that_the_document_does_not_promise() {
    let proxy = Proxy::start(&["acme"], |_| {});
    let api = Served::start(&proxy);
    let url = format!("http://{}/v1/openapi.json", api.addr);
    let ran = python_program("schemathesis")
        .args(["run", &url, "--header", &format!("Authorization: Bearer {TOKEN}")])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", "5", "--seed", "1", "--no-color"])
        .args(["--exclude-checks", "positive_data_acceptance,unsupported_method,ignored_auth"])
        .args(["--exclude-path", "/v1/stripe/webhook"])
        .output()
        .expect("schemathesis, of tests/drivers/requirements.txt (scripts/setup.sh test)");
    let told = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{told}\n{}", String::from_utf8_lossy(&ran.stderr));
}
