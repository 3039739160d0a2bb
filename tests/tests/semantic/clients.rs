//! The official client.

use std::process::Command;

use testbed::Tool;

use crate::stack::{Setup, Stack, echo};

const PROGRAM: &str = r#"
import os, time, openai

def client(key):
    return openai.OpenAI(base_url=os.environ["URL"] + "/v1", api_key=key, max_retries=0)

def ask(client, question):
    raw = client.chat.completions.with_raw_response.create(model="m", messages=[{"role": "user", "content": question}])
    completion = raw.parse()
    assert completion.choices[0].finish_reason == "stop", completion
    assert completion.usage.total_tokens == 12, completion
    return raw.headers["cache-status"], completion.choices[0].message.content

def stream(client, question):
    raw = client.chat.completions.with_raw_response.create(
        model="m", messages=[{"role": "user", "content": question}], stream=True)
    text, reasons = "", []
    for chunk in raw.parse():
        assert chunk.object == "chat.completion.chunk", chunk
        text += chunk.choices[0].delta.content or ""
        reasons.append(chunk.choices[0].finish_reason)
    assert reasons[-1] == "stop" and reasons.count("stop") == 1, reasons
    return raw.headers["cache-status"], text

one, other = client("sk-one"), client("sk-other")
for call in (ask, stream):
    status, text = call(one, "How do I reset my password?")
    assert "fwd=miss" in status and text == "To your question: How do I reset my password?", (status, text)
    deadline = time.monotonic() + 60
    while True:
        status, again = call(one, "How can I reset my password?")
        if "; hit; detail=" in status and again == text:
            break
        assert time.monotonic() < deadline, (status, again)
        time.sleep(0.05)
        call(one, "How do I reset my password?")
    status, _ = call(other, "How do I reset my password?")
    assert "fwd=miss" in status, status
"#;

#[test]
fn the_official_python_client_sees_no_difference() {
    let stack = Stack::start(&Setup::default(), echo);
    let packages = Tool::OpenAiClient.path().unwrap();
    let output = Command::new(Tool::Python.path().unwrap())
        .args(["-c", PROGRAM])
        .env("PYTHONPATH", packages.ancestors().nth(2).unwrap())
        .env("URL", stack.front.url(""))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
