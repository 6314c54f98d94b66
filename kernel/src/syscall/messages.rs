//! System calls that send and receive messages.

use alloc::vec::Vec;

use flux_abi::limits::{ASK_DEADLINE_NS, DELEGATE_DEADLINE_NS, PAYLOAD_BYTES};
use flux_abi::message::MessageType;
use flux_abi::status::Status;
use flux_abi::trap::TrapKind;
use flux_kcore::capability::Handle;
use flux_kcore::id::{AgentId, RequestId};
use flux_kcore::message::{Message, Outgoing, RequestKind};
use flux_kcore::runtime::Syscalls as _;
use flux_kcore::time::Span;

use super::{Answer, MESSAGE_BYTES, MESSAGE_WORDS};
use crate::base::Core;
use crate::error::Refusal;
use crate::user_memory::{UserMemory, Words, copied, writable};

/// A payload of a caller.
fn payload(memory: &dyn UserMemory, at: u64, length: u64) -> Result<Vec<u8>, Status> {
    if length > PAYLOAD_BYTES as u64 {
        return Err(Status::Overflow);
    }
    let bytes = copied(memory.read(at, length)?)?;
    // What is no payload would be refused by every receiver; better the sender knows.
    flux_proto::payload::Reader::new(&bytes).map_err(|_| Status::Invalid)?;
    Ok(bytes)
}

pub(super) fn send(
    core: &mut Core,
    caller: AgentId,
    target: u64,
    record: u64,
    memory: &dyn UserMemory,
) -> Result<Answer, Refusal> {
    let record = Words::<5>::read(memory, record)?;
    let kind = u8::try_from(record.get(0)).ok().and_then(MessageType::from_byte).ok_or(Status::Invalid)?;
    let bytes = payload(memory, record.get(2), record.get(3))?;
    let outgoing = Outgoing::new(&bytes);
    let target = Handle::from_word(target);
    let ask = |core: &mut Core, kind: RequestKind, usual: i64| {
        let given = record.get(4).cast_signed();
        let span = Span::from_ns(if given > 0 { given } else { usual });
        let deadline = core.now().after(span);
        let request = core.request(caller, target, kind, outgoing, deadline)?;
        Ok(Answer::Value(request.word()))
    };
    match kind {
        MessageType::Tell => Ok(Answer::Value(core.tell(caller, target, outgoing)?)),
        MessageType::Ask => ask(core, RequestKind::Ask, ASK_DEADLINE_NS),
        MessageType::Delegate => ask(core, RequestKind::Delegate, DELEGATE_DEADLINE_NS),
        MessageType::Reply | MessageType::Result => {
            let request = RequestId::from_word(record.get(1)).ok_or(Status::Invalid)?;
            match core.answer(caller, request, &bytes) {
                Ok(()) => Ok(Answer::Value(0)),
                // A reply that nobody asked for is a fault of the sender.
                Err(Status::Invalid) => Ok(Answer::Fault(TrapKind::Protocol)),
                Err(status) => Err(status.into()),
            }
        }
        _ => Err(Status::Invalid.into()),
    }
}

/// Takes the caller's next message as a record of at most `size` bytes at `at`; its length.
pub(crate) fn receive(
    core: &mut Core,
    caller: AgentId,
    at: u64,
    size: u64,
    memory: &mut dyn UserMemory,
) -> Result<u64, Status> {
    if size < MESSAGE_BYTES {
        return Err(Status::Invalid);
    }
    // Checked before the message is taken, so that none is lost.
    writable(memory, at, MESSAGE_BYTES)?;
    let message = core.receive(caller).ok_or(Status::NotFound)?;
    let bytes = message.payload.bytes();
    let head = head(&message).map(u64::to_le_bytes);
    let head = head.as_flattened();
    memory.write(at, head)?;
    let length = u64::try_from(head.len()).map_err(|_| Status::Overflow)?;
    let payload = u64::try_from(bytes.len()).map_err(|_| Status::Overflow)?;
    memory.write(at.checked_add(length).ok_or(Status::Invalid)?, bytes)?;
    length.checked_add(payload).ok_or(Status::Overflow)
}

/// The words before the payload.
fn head(message: &Message) -> [u64; MESSAGE_WORDS] {
    [
        message.id,
        u64::from(message.kind as u8),
        message.sender.map_or(0, AgentId::word),
        message.reply_to.map_or(0, RequestId::word),
        message.sent.ns().cast_unsigned(),
        message.deadline.ns().cast_unsigned(),
        u64::from(message.badge),
        message.payload.bytes().len() as u64,
    ]
}

pub(super) fn broadcast(
    core: &mut Core,
    caller: AgentId,
    topic: u64,
    record: u64,
    memory: &dyn UserMemory,
) -> Result<u64, Status> {
    let record = Words::<2>::read(memory, record)?;
    let bytes = payload(memory, record.get(0), record.get(1))?;
    let delivery = core.publish(caller, Handle::from_word(topic), Outgoing::new(&bytes))?;
    Ok(u64::from(delivery.delivered) | u64::from(delivery.refused) << 32)
}
