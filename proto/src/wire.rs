//! The protobuf messages, generated from `proto/stook/v1/`. For tools and tests that speak raw frames; everybody
//! else uses the sessions.

#![expect(missing_docs, reason = "prost writes no docs on oneof types and their fields")]

use std::fmt;

include!("generated/stook.v1.rs");

/// By hand, so that the token is never printed.
impl fmt::Debug for Hello {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hello")
            .field("protocol", &(self.protocol_major, self.protocol_minor))
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("pid", &self.pid)
            .field("topics", &self.topics)
            .field("capabilities", &self.capabilities)
            .finish_non_exhaustive()
    }
}

macro_rules! into_frame {
    ($($message:ident),+ $(,)?) => {$(
        impl From<$message> for Frame {
            fn from(message: $message) -> Self {
                Self { body: Some(frame::Body::$message(message)) }
            }
        }
    )+};
}
into_frame!(
    Hello,
    Heartbeat,
    Results,
    TaskStarted,
    TaskFinished,
    Goodbye,
    Welcome,
    Reject,
    Ack,
    Credit,
    Assign,
    Cancel,
    Drain,
    Submit,
    Status,
    Restart,
    Reply,
    Subscribe,
    Aggregate,
    AggregateAck,
);

impl frame::Body {
    /// The frame's name, for errors.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "Hello",
            Self::Heartbeat(_) => "Heartbeat",
            Self::Results(_) => "Results",
            Self::TaskStarted(_) => "TaskStarted",
            Self::TaskFinished(_) => "TaskFinished",
            Self::Goodbye(_) => "Goodbye",
            Self::Welcome(_) => "Welcome",
            Self::Reject(_) => "Reject",
            Self::Ack(_) => "Ack",
            Self::Credit(_) => "Credit",
            Self::Assign(_) => "Assign",
            Self::Cancel(_) => "Cancel",
            Self::Drain(_) => "Drain",
            Self::Submit(_) => "Submit",
            Self::Status(_) => "Status",
            Self::Restart(_) => "Restart",
            Self::Reply(_) => "Reply",
            Self::Subscribe(_) => "Subscribe",
            Self::Aggregate(_) => "Aggregate",
            Self::AggregateAck(_) => "AggregateAck",
        }
    }

    /// Whether an operator may begin with it.
    pub(crate) const fn is_request(&self) -> bool {
        matches!(self, Self::Submit(_) | Self::Status(_) | Self::Restart(_) | Self::Subscribe(_))
    }
}
