//! A connection that others share.

use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::{Cmd, FromRedisValue, Pipeline, RedisFuture, RedisResult, ScriptInvocation, Value, pipe};

/// A connection that others share.
#[derive(Clone)]
pub(super) struct Connection {
    server: MultiplexedConnection,
    /// Whether the server must be told with each command that it was sent here although the slot is still another's:
    /// one that is just receiving the slot answers nobody else.
    asking: bool,
}

impl Connection {
    /// As it is, or for commands that another server has sent here.
    pub(super) fn new(server: MultiplexedConnection, asking: bool) -> Self {
        Self { server, asking }
    }

    /// The connection to the server itself.
    pub(super) fn into_server(self) -> MultiplexedConnection {
        self.server
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, command: &'a Cmd) -> RedisFuture<'a, Value> {
        if !self.asking {
            return self.server.req_packed_command(command);
        }
        Box::pin(async move {
            // Together, so that no other's command comes in between.
            let mut both = pipe();
            both.cmd("ASKING").add_command(command.clone());
            let answers = self.server.req_packed_commands(&both, 1, 1).await?;
            Ok(answers.into_iter().next().unwrap_or(Value::Nil))
        })
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        self.server.req_packed_commands(pipeline, offset, count)
    }

    fn get_db(&self) -> i64 {
        self.server.get_db()
    }
}

/// What a server can be asked, more than once if need be.
pub(super) trait Request: Sync {
    /// Asks it.
    fn ask<T: FromRedisValue + Send>(
        &self,
        connection: &mut Connection,
    ) -> impl Future<Output = RedisResult<T>> + Send;
}

impl Request for Cmd {
    async fn ask<T: FromRedisValue + Send>(&self, connection: &mut Connection) -> RedisResult<T> {
        self.query_async(connection).await
    }
}

impl Request for ScriptInvocation<'_> {
    async fn ask<T: FromRedisValue + Send>(&self, connection: &mut Connection) -> RedisResult<T> {
        self.invoke_async(connection).await
    }
}
