use proptest::prelude::*;
use prost::Message;
use stook_types::{CorrelationId, Payload, Topic};

use super::*;
use crate::wire::{self, results::item};
use crate::{Lease, VALUE};

fn by_prost(batch: &[u8]) -> Option<Vec<wire::results::Item>> {
    wire::Results::decode(batch).ok().map(|batch| batch.items)
}

fn by_hand(batch: &[u8]) -> Option<Vec<wire::results::Item>> {
    let owned = |item: Item<'_>| wire::results::Item {
        topic: item.topic,
        correlation: item.correlation.map(|correlation| match correlation {
            Correlation::Uuid(bytes) => item::Correlation::Uuid(bytes.to_vec().into()),
            Correlation::Text(text) => item::Correlation::Text(text.to_owned()),
        }),
        sequence: item.sequence,
        timestamp: item.timestamp,
        last: item.last,
        content_type: item.content_type,
        payload: item.payload.to_vec().into(),
        omitted_bytes: item.omitted_bytes,
        lease: item.lease,
    };
    walk(batch).map(|item| item.map(owned)).collect::<Result<_, _>>().ok()
}

/// One field, of any number and any type, well formed or not.
fn field() -> impl Strategy<Value = Vec<u8>> {
    let bytes = prop::collection::vec(any::<u8>(), 0..20);
    (1u32..13, 0u8..8, any::<u64>(), bytes).prop_map(|(tag, wire_type, number, bytes)| {
        let mut out = Vec::new();
        encode_varint((tag << 3 | u32::from(wire_type)).into(), &mut out);
        match wire_type {
            0 => encode_varint(number, &mut out),
            2 => {
                encode_varint(bytes.len() as u64, &mut out);
                out.extend(bytes);
            }
            _ => out.extend(bytes),
        }
        out
    })
}

fn batch_of_fields() -> impl Strategy<Value = Vec<u8>> {
    let item = prop::collection::vec(field(), 0..8).prop_map(|fields| {
        let mut out = Vec::new();
        put_delimited(&mut out, 1, &fields.concat());
        out
    });
    prop::collection::vec(prop_oneof![4 => item, 1 => field()], 0..5).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn the_walk_is_prost(batch in batch_of_fields()) {
        prop_assert_eq!(by_hand(&batch), by_prost(&batch));
    }

    #[test]
    fn garbage_is_garbage_to_both(batch in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(by_hand(&batch), by_prost(&batch));
    }

    #[test]
    fn cut_anywhere(batch in batch_of_fields(), cut in any::<prop::sample::Index>()) {
        let batch = &batch[..cut.index(batch.len() + 1)];
        prop_assert_eq!(by_hand(batch), by_prost(batch));
    }

    #[test]
    fn what_is_written_is_read(
        topic in any::<u32>(),
        uuid in any::<Option<u128>>(),
        sequence in 1u64..,
        timestamp in any::<Option<i64>>(),
        last in any::<bool>(),
        lease in any::<Option<u64>>(),
        payload in prop::collection::vec(any::<u8>(), 0..300),
        omit in any::<bool>(),
    ) {
        let correlation = uuid.map_or_else(
            || CorrelationId::new("text").expect("valid"),
            |uuid| CorrelationId::Uuid(uuid::Uuid::from_u128(uuid)),
        );
        let result = NewResult {
            topic: Topic::new("a").expect("valid"),
            correlation_id: correlation,
            timestamp,
            last,
            lease: lease.map(Lease),
            payload: Payload::new(payload.clone().into(), &VALUE),
        };
        let encoded = encode_item(topic, sequence, &result);
        let mut batch = Vec::new();
        encoded.put(omit, &mut batch);
        prop_assert_eq!(batch.len(), encoded.wire_len(omit));
        let items = by_prost(&batch).expect("prost reads it");
        prop_assert_eq!(by_hand(&batch), Some(items.clone()));
        let item = &items[0];
        prop_assert_eq!((item.topic, item.sequence, item.timestamp, item.last), (topic, sequence, timestamp, last));
        prop_assert_eq!(item.lease, lease.unwrap_or(0));
        prop_assert_eq!(&item.payload[..], if omit { &[] } else { &payload[..] });
        prop_assert_eq!(item.omitted_bytes, if omit { payload.len() as u64 } else { 0 });
    }
}
