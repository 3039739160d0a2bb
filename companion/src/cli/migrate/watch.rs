//! What happens meanwhile, on standard error.

use std::sync::Mutex;

use migrations::{Event, Observer, Target};

/// Tells what happens to this target's database. Of a build's progress, only what is new is told.
pub(super) fn teller(target: Target) -> Observer {
    let last = Mutex::new(String::new());
    Observer::new(move |event| {
        let line = format!("{target}: {}", line(&event));
        if let Ok(mut last) = last.lock()
            && *last != line
        {
            eprintln!("{line}");
            *last = line;
        }
    })
}

fn line(event: &Event) -> String {
    match event {
        Event::WaitingForOther { holder } => {
            format!("another migrates this database ({holder}); waiting for it")
        }
        Event::Began { migration } => format!("{migration} …"),
        Event::LockBusy { migration, attempt, pause } => {
            format!(
                "{migration}: its lock is taken; stepped back, trying again in {} ms (try {attempt})",
                pause.as_millis()
            )
        }
        Event::Repairing { migration, what } => format!("{migration}: {what}"),
        Event::Progress { migration, phase, percent, waits_for } => {
            let percent = percent.map(|percent| format!(", {percent:.0} %")).unwrap_or_default();
            let waits = waits_for.map(|pid| format!(", waiting for process {pid}")).unwrap_or_default();
            format!("{migration}: {phase}{percent}{waits}")
        }
        Event::Applied { migration, took } => format!("{migration} applied in {} ms", took.as_millis()),
        Event::Reverted { migration, took } => format!("{migration} taken back in {} ms", took.as_millis()),
        Event::NotInForce { migration, why } => format!("{migration} not in force: {why}"),
    }
}
