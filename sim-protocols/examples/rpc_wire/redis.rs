//! The same requests to a Redis server and to our store.

use std::io::{Read, Write};
use std::net::TcpStream;

use sim_core::Time;
use sim_protocols::rpc::resp::{self, Client, Store, Value};
use sim_protocols::rpc::{Arrived, DecodeError, Limits};

use super::Outcome;

/// Requests, a line each; words stand between spaces.
const REQUESTS: &str = "PING
PING hello
PING a b
AUTH secret
AUTH default secret
AUTH other secret
AUTH a b c
SELECT 1
SELECT 99
SELECT x
SELECT 2
GET none
SET a 1
GET a
SET a 2 NX
SET a 2 XX
SET b 2 XX
SET b 2 NX EX 100
TTL b
TTL a
TTL none
PTTL none
PTTL a
SET b 3
TTL b
SET c 1 PX 0
SET c 1 EX -1
SET c 1 EX 9223372036854775807
SET c 1 EX 1.5
SET c 1 EX +5
SET c 1 EX
SET c 1 EX 5 PX 5
SET c 1 NX XX
SET c 1 WHAT
SET c
set c 1 px 100000 nx
ttl c
EXPIRE c 50
TTL c
EXPIRE none 50
EXPIRE c x
EXPIRE c 9223372036854775807
EXPIRE c 10 WHAT
EXPIRE c 0
EXISTS c
EXPIRE a -5
GET a
EXISTS a b b none
EXISTS
MGET a b none
DEL b b none
DEL
HSET h a 1 b 2
HSET h b 3 c 4
HSET h b
HGET h b
HGET h none
HGET none a
HGETALL h
HGETALL none
HGET h
GET h
MGET h
EXPIRE h 1000
TTL h
HSET h d 5
TTL h
SET s text
HSET s a 1
HGET s a
HGETALL s
SET h text
TTL h
GET h
NOTHING
NOTHING a b
DEL h s";

/// Compares.
pub fn compare(port: u16) -> Outcome<()> {
    let mut stream = TcpStream::connect(("127.0.0.1", port))?;
    let mut arrived = Arrived::new();
    let (mut store, mut client) = (Store::new(None), Client::default());
    let mut different = 0;
    for line in REQUESTS.lines() {
        let words: Vec<Vec<u8>> = line.split(' ').map(Into::into).collect();
        let slices: Vec<&[u8]> = words.iter().map(Vec::as_slice).collect();
        stream.write_all(&resp::encode_request(&slices))?;
        let theirs = loop {
            match Value::decode(arrived.bytes(), &Limits::default()) {
                Ok((_, used)) => break arrived.take(used).to_vec(),
                Err(DecodeError::Truncated) => (),
                Err(error) => return Err(error.into()),
            }
            let mut part = [0; 4096];
            match stream.read(&mut part)? {
                0 => return Err("the server has closed".into()),
                length => arrived.push(&part[..length]),
            }
        };
        let ours = store.execute(&mut client, Time::from_ps(0), &words).encode();
        if ours != theirs {
            let (ours, theirs) = (String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs));
            println!("{line}: the server says {theirs:?}, the store {ours:?}");
            different += 1;
        }
    }
    if different > 0 {
        return Err(format!("{different} replies differ").into());
    }
    println!("{} replies as the server's, byte for byte", REQUESTS.lines().count());
    Ok(())
}
