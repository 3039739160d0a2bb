//! Every kernel against embeddings that sentence-transformers computed.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, mpsc};

use minilm::{
    Kernel, Limits, LoadError, Model, Precision, Priority, QueueFull, Scratch, TokenError, Tokens, Worker,
};
use testbed::{Tool, workspace_root};

fn folder() -> PathBuf {
    Tool::MiniLm.path().unwrap().parent().unwrap().to_owned()
}

fn reference() -> Vec<(String, Vec<f32>)> {
    let text = fs::read_to_string(workspace_root().join("tests/data/minilm-reference.json")).unwrap();
    let reference: serde_json::Value = serde_json::from_str(&text).unwrap();
    let sentences = reference["sentences"].as_array().unwrap().iter();
    sentences
        .map(|sentence| {
            let numbers = sentence["embedding"].as_array().unwrap().iter();
            let embedding = numbers.map(|number| number.as_f64().unwrap() as f32).collect();
            (sentence["text"].as_str().unwrap().to_owned(), embedding)
        })
        .collect()
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn every_kernel_agrees_with_the_reference() {
    let reference = reference();
    for kernel in Kernel::ALL {
        if !kernel.is_there() {
            println!("skipped: this processor has no {}", kernel.name());
            continue;
        }
        let model = Model::load_with(&folder(), kernel).unwrap();
        let tokens: Vec<Tokens> = reference.iter().map(|(text, _)| model.tokens(text).unwrap()).collect();
        let mut scratch = Scratch::default();
        let together = model.embed(&tokens.iter().collect::<Vec<_>>(), &mut scratch);
        let (number_error, cosine_error) = if kernel.in_bytes() { (0.02, 0.02) } else { (2e-6, 4e-6) };
        for (tokens, embedding) in tokens.iter().zip(&together).step_by(5) {
            let alone = model.embed(&[tokens], &mut scratch).remove(0);
            let same = alone.iter().zip(embedding).all(|(a, b)| (a - b).abs() < 1e-6);
            assert!(same, "{}: a text's embedding depends on what it comes with", kernel.name());
        }
        for ((text, right), found) in reference.iter().zip(&together) {
            let error = found.iter().zip(right).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error <= number_error, "{}: {text:?} is off by {error}", kernel.name());
        }
        for (i, (text, right)) in reference.iter().enumerate() {
            for (j, (_, other)) in reference.iter().enumerate() {
                let error = (cosine(&together[i], &together[j]) - cosine(right, other)).abs();
                assert!(
                    error <= cosine_error,
                    "{}: cosine of {text:?} and {j} is off by {error}",
                    kernel.name()
                );
            }
        }
    }
}

#[test]
fn any_text_has_an_embedding_of_length_1() {
    let model = Model::load(&folder(), Precision::Fast).unwrap();
    let long = "word ".repeat(100_000);
    let joined = "x".repeat(1_000_000);
    let marks = "\u{0}\u{1}\u{202e}\u{fffd}\u{1f600}é\n\t";
    let mut scratch = Scratch::default();
    for text in ["", " ", "a", marks, &long, &joined, "日本語のテキスト"] {
        let tokens = model.tokens(text).unwrap();
        assert!((2..=256).contains(&tokens.count()), "{} tokens", tokens.count());
        let embedding = model.embed(&[&tokens], &mut scratch).remove(0);
        assert_eq!(embedding.len(), model.dimensions());
        assert!((cosine(&embedding, &embedding) - 1.0).abs() < 1e-4);
    }
}

#[test]
fn tokens_from_elsewhere_are_checked() {
    let model = Model::load(&folder(), Precision::Fast).unwrap();
    assert_eq!(model.tokens_from(vec![101, 7592, 102]).unwrap(), model.tokens("hello").unwrap());
    assert_eq!(model.tokens_from(Vec::new()), Err(TokenError::Empty));
    let error = model.tokens_from(vec![101, 30_522]).unwrap_err();
    assert_eq!(error.to_string(), "token 30522 is not in the vocabulary, expected 0 to 30521");
    assert_eq!(model.tokens_from(vec![101; 10_000]).unwrap().count(), 256);
}

#[test]
fn a_worker_answers_all_and_bounds_its_queue() {
    let model = Arc::new(Model::load(&folder(), Precision::Fast).unwrap());
    let limits = Limits { threads: 2, waiting_texts: 64, batch_tokens: 32 };
    let worker = Worker::start(Arc::clone(&model), limits).unwrap();
    let texts: Vec<Tokens> =
        (0..64).map(|n| model.tokens(&format!("question number {n}")).unwrap()).collect();
    let too_many = [texts.clone(), texts.clone()].concat();
    let refused = worker.submit(too_many, Priority::High, |_| {}).unwrap_err();
    assert_eq!(refused, QueueFull { texts: 128, waiting: 0, limit: 64 });
    let (answers, answered) = mpsc::channel();
    let everything = answers.clone();
    let all = move |embeddings| everything.send((64, embeddings)).unwrap();
    worker.submit(texts.clone(), Priority::High, all).unwrap();
    let mut alone = 0;
    while alone < 20 {
        let answers = answers.clone();
        let tokens = texts[alone].clone();
        let one = move |embeddings| answers.send((alone, embeddings)).unwrap();
        // Full for a moment is what it is meant to be.
        if worker.submit(vec![tokens], Priority::High, one).is_ok() {
            alone += 1;
        }
    }
    let mut scratch = Scratch::default();
    for _ in 0..21 {
        let (number, embeddings) = answered.recv().unwrap();
        let expected = if number == 64 { texts.as_slice() } else { &texts[number..=number] };
        assert_eq!(embeddings.len(), expected.len());
        for (tokens, embedding) in expected.iter().zip(&embeddings) {
            let right = model.embed(&[tokens], &mut scratch).remove(0);
            assert!(cosine(&right, embedding) > 0.9999, "an embedding went to another text");
        }
    }
}

#[test]
fn what_somebody_waits_for_comes_first() {
    let model = Arc::new(Model::load(&folder(), Precision::Fast).unwrap());
    let worker = Worker::start(model, Limits { threads: 1, waiting_texts: 1, batch_tokens: 32 }).unwrap();
    let text = || vec![worker.model().tokens("a question").unwrap()];
    let ((begun, begins), (open, gate), (done, order)) = (mpsc::channel(), mpsc::channel(), mpsc::channel());
    let hold = move |_| {
        begun.send(()).unwrap();
        gate.recv().unwrap()
    };
    worker.submit(text(), Priority::High, hold).unwrap();
    begins.recv().unwrap();
    for (priority, done) in [(Priority::Low, done.clone()), (Priority::High, done)] {
        worker.submit(text(), priority, move |_| done.send(priority).unwrap()).unwrap();
        assert!(worker.submit(text(), priority, |_| {}).is_err(), "each has a bound of its own");
    }
    assert_eq!(worker.waiting(), 2);
    open.send(()).unwrap();
    assert_eq!(order.iter().collect::<Vec<_>>(), [Priority::High, Priority::Low]);
}

#[test]
fn what_is_wrong_with_a_model_is_named() {
    let missing = PathBuf::from("/nonexistent");
    let error = Model::load(&missing, Precision::Fast).unwrap_err();
    assert!(error.to_string().starts_with("cannot read /nonexistent/config.json"), "{error}");

    let copy = testbed::temp_dir("model").unwrap();
    for file in ["config.json", "sentence_bert_config.json", "tokenizer.json"] {
        fs::copy(folder().join(file), copy.path().join(file)).unwrap();
    }
    fs::write(copy.path().join("model.safetensors"), b"garbage, and not even long").unwrap();
    let error = Model::load(copy.path(), Precision::Fast).unwrap_err();
    assert!(
        matches!(&error, LoadError::Malformed { path, .. } if path.ends_with("model.safetensors")),
        "{error}"
    );

    let config = fs::read_to_string(folder().join("config.json")).unwrap();
    fs::write(copy.path().join("config.json"), config.replace("\"gelu\"", "\"relu\"")).unwrap();
    let error = Model::load(copy.path(), Precision::Fast).unwrap_err();
    assert_eq!(error.to_string(), "hidden_act of config.json is relu, expected gelu");
}
