//! The semantic cache before real clients: Envoy with the shipped `semantic.yaml`, a companion with the model, and services
//! that answer what a test has them answer.

mod clients;
mod faults;
mod forms;
mod reuse;
mod separation;
mod settings;
mod stack;
