//! One client, in each of the modes.

use fallible_iterator::FallibleIterator;
use postgres_protocol::IsNull;
use postgres_protocol::message::backend::Message;
use postgres_protocol::message::frontend;
use tokio::sync::Mutex;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, SimpleQueryMessage};

use super::Answer;
use crate::rows::rows;
use crate::wire::{Wire, WireError, said};
use crate::{ClientMode, Tls};

/// One client on its own connection.
pub(super) enum Asker {
    Library(Client, ClientMode),
    Wire(Mutex<Wire>),
}

impl Asker {
    pub(super) async fn connect(config: &Config, tls: &Tls, mode: ClientMode) -> Result<Self, String> {
        if mode == ClientMode::Split {
            let (wire, _) = Wire::log_in(config, tls).await.map_err(|error| error.to_string())?;
            return Ok(Self::Wire(Mutex::new(wire)));
        }
        let (client, connection) = config.connect(tls.clone()).await.map_err(told)?;
        // It ends with the client; its errors reach the queries.
        tokio::spawn(connection);
        Ok(Self::Library(client, mode))
    }

    /// Asks for this number, which stands in the statement, and for its successor by a parameter where there are some.
    pub(super) async fn ask(&self, question: i64) -> Answer {
        let expected = (question, question + 1);
        let answer = match self {
            Self::Library(client, ClientMode::Simple) => simple(client, expected).await,
            Self::Library(client, mode) => by_library(client, *mode, expected).await,
            Self::Wire(wire) => {
                split(&mut *wire.lock().await, expected).await.map_err(|error| error.to_string())
            }
        };
        match answer {
            Ok(answer) if answer == expected => Answer::Right,
            Ok(answer) => Answer::Wrong(format!("asked for {expected:?}, got {answer:?}")),
            // Which number it was would make every message another.
            Err(reason) => Answer::Failed(reason.replace(|c: char| c.is_ascii_digit(), "N")),
        }
    }
}

async fn simple(client: &Client, (constant, successor): (i64, i64)) -> Result<(i64, i64), String> {
    let messages = client.simple_query(&format!("SELECT {constant}, {successor}")).await.map_err(told)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some((row.get(0)?.parse().ok()?, row.get(1)?.parse().ok()?)),
        _ => None,
    });
    row.ok_or_else(|| "an answer without the row".to_owned())
}

async fn by_library(
    client: &Client,
    mode: ClientMode,
    (constant, successor): (i64, i64),
) -> Result<(i64, i64), String> {
    let sql = format!("SELECT {constant}::int8, $1::int8");
    let rows = rows(client, mode, &sql, &[(&successor, Type::INT8)]).await.map_err(told)?;
    let row = rows.first().ok_or("an answer without the row")?;
    Ok((row.try_get(0).map_err(told)?, row.try_get(1).map_err(told)?))
}

/// Parses the unnamed statement, waits, and binds it: what sqlx does.
async fn split(wire: &mut Wire, (constant, successor): (i64, i64)) -> Result<(i64, i64), WireError> {
    let sql = format!("SELECT {constant}::int8, $1::int8");
    wire.send(|buffer| {
        frontend::parse("", &sql, [Type::INT8.oid()], buffer)?;
        frontend::describe(b'S', "", buffer)?;
        frontend::sync(buffer);
        Ok(())
    })
    .await?;
    until_ready(wire).await?;
    wire.send(|buffer| {
        let bound = frontend::bind(
            "",
            "",
            [0],
            [successor],
            |successor, buffer| {
                buffer.extend_from_slice(successor.to_string().as_bytes());
                Ok(IsNull::No)
            },
            [0],
            buffer,
        );
        bound.map_err(|_| std::io::Error::other("the parameter cannot be sent"))?;
        frontend::execute("", 0, buffer)?;
        frontend::sync(buffer);
        Ok(())
    })
    .await?;
    until_ready(wire).await?.ok_or_else(|| WireError::Unsupported("an answer without the row".to_owned()))
}

/// Reads on until the server is ready for the next statement; the row that came, if one did.
async fn until_ready(wire: &mut Wire) -> Result<Option<(i64, i64)>, WireError> {
    let (mut row, mut refusal) = (None, None);
    loop {
        match wire.receive().await? {
            Message::DataRow(body) => {
                let ranges: Vec<_> = body.ranges().collect()?;
                let number = |column: usize| -> Option<i64> {
                    let range = ranges.get(column)?.clone()?;
                    std::str::from_utf8(body.buffer().get(range)?).ok()?.parse().ok()
                };
                row = number(0).zip(number(1));
            }
            Message::ErrorResponse(body) => refusal = Some(said(&body)),
            Message::ReadyForQuery(_) => {
                return refusal.map_or(Ok(row), |text| Err(WireError::Refused(text)));
            }
            _ => {}
        }
    }
}

/// The server's own words where there are some.
fn told(error: tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(error) => error.message().to_owned(),
        None => error.to_string(),
    }
}
