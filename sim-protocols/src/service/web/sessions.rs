//! Sessions: `/login`, `/logout`, a cookie that names a session (RFC 6265), and where sessions are kept: at the server, or on a store that several
//! servers share.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::sync::Mutex;

use bytes::Bytes;
use cookie::{Cookie, SameSite};
use http::header::{self, HeaderMap};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use sim_core::Time;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::SessionConfig;
use super::items::form_urlencoded;
use super::pages::{other_method, plain, set};
use crate::aio::{self, Duration, TcpSocket, TcpStream};
use crate::app::Permits;
use crate::app::dial::lock;
use crate::host::OptionName;
use crate::rpc::resp::{Value, encode_request};
use crate::rpc::{Arrived, DecodeError, Limits};

/// The cookie that names a session.
const COOKIE: &str = "session";

/// Whoever has logged in.
pub(super) struct Sessions {
    config: SessionConfig,
    /// Where they are kept, if not here.
    store: Option<Store>,
    /// Users and when their sessions end, where they are kept here.
    own: Mutex<BTreeMap<String, (String, Time)>>,
}

/// A way to the store: one connection, on which requests wait for each other.
struct Store {
    address: (Ipv4Addr, u16),
    password: Option<String>,
    turn: Permits,
    connection: Mutex<Option<(TcpStream, Arrived)>>,
}

/// The store does not answer.
pub(super) struct Lost;

impl Sessions {
    /// None so far. `store` is the address of the store's host, where there is one.
    pub fn new(config: SessionConfig, store: Option<Ipv4Addr>) -> Sessions {
        let store = store.map(|address| Store {
            address: (address, config.store_port),
            password: config.store_password.clone(),
            turn: Permits::new(1),
            connection: Mutex::default(),
        });
        Sessions { config, store, own: Mutex::default() }
    }

    /// Who asks, by the request's cookie; each request prolongs the session.
    ///
    /// # Errors
    /// The store does not answer.
    pub async fn user(&self, headers: &HeaderMap) -> Result<Option<String>, Lost> {
        let Some(id) = named(headers) else { return Ok(None) };
        let now = aio::now();
        let Some(store) = &self.store else {
            let mut own = lock(&self.own);
            own.retain(|_, (_, ends)| *ends > now);
            let found = own.get_mut(&id).map(|(user, ends)| {
                *ends = now.saturating_add(self.config.lifetime);
                user.clone()
            });
            return Ok(found);
        };
        let key = format!("session:{id}");
        // Redis: GETEX reads and sets the time to live in one round trip.
        let lifetime = self.lifetime_ms();
        match self.within(store.ask(&[b"GETEX", key.as_bytes(), b"PX", lifetime.as_bytes()])).await? {
            Value::Bulk(user) => Ok(Some(String::from_utf8_lossy(&user).into_owned())),
            Value::Null => Ok(None),
            _ => Err(Lost),
        }
    }

    /// The answer at `/login` and `/logout`; none for other paths.
    pub async fn answer(&self, request: &Parts, body: &[u8]) -> Option<Result<Response<Bytes>, Lost>> {
        match (request.uri.path(), &request.method) {
            ("/login", &Method::GET | &Method::HEAD) => Some(Ok(form())),
            ("/login", &Method::POST) => Some(self.login(body).await),
            ("/logout", &Method::POST) => Some(self.logout(&request.headers).await),
            ("/login", method) => Some(Ok(other_method(method, "GET, HEAD, POST, OPTIONS"))),
            ("/logout", method) => Some(Ok(other_method(method, "POST, OPTIONS"))),
            _ => None,
        }
    }

    async fn login(&self, body: &[u8]) -> Result<Response<Bytes>, Lost> {
        let form = form_urlencoded(&String::from_utf8_lossy(body));
        let field = |name: &str| form.iter().find(|(field, _)| field == name).map(|(_, value)| value.as_str());
        let (Some(user), Some(password)) = (field("user"), field("password")) else {
            return Ok(plain(StatusCode::BAD_REQUEST));
        };
        if !self.config.users.iter().any(|known| *known == format!("{user}:{password}")) {
            return Ok(unauthorized());
        }
        let mut id = [0; 16];
        aio::fill_random(&mut id);
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        match &self.store {
            None => {
                let ends = aio::now().saturating_add(self.config.lifetime);
                lock(&self.own).insert(id.clone(), (user.to_string(), ends));
            }
            Some(store) => {
                let (key, lifetime) = (format!("session:{id}"), self.lifetime_ms());
                let request: [&[u8]; 5] = [b"SET", key.as_bytes(), user.as_bytes(), b"PX", lifetime.as_bytes()];
                match self.within(store.ask(&request)).await? {
                    Value::Simple(_) => {}
                    _ => return Err(Lost),
                }
            }
        }
        // RFC 9110 §15.4.4: what was posted is not posted again when somebody looks at the answer again.
        let mut response = plain(StatusCode::SEE_OTHER);
        set(&mut response, header::LOCATION, "/");
        let mut cookie = Cookie::build((COOKIE, id)).path("/").http_only(true).same_site(SameSite::Lax);
        if let Some(domain) = &self.config.domain {
            cookie = cookie.domain(domain.clone());
        }
        set(&mut response, header::SET_COOKIE, &cookie.build().to_string());
        Ok(response)
    }

    async fn logout(&self, headers: &HeaderMap) -> Result<Response<Bytes>, Lost> {
        if let Some(id) = named(headers) {
            lock(&self.own).remove(&id);
            if let Some(store) = &self.store {
                let key = format!("session:{id}");
                self.within(store.ask(&[b"DEL", key.as_bytes()])).await?;
            }
        }
        let domain = self.config.domain.as_ref().map_or(String::new(), |domain| format!("; Domain={domain}"));
        let gone = format!("{COOKIE}=; Path=/{domain}; Max-Age=0");
        let mut response = plain(StatusCode::SEE_OTHER);
        set(&mut response, header::LOCATION, "/");
        set(&mut response, header::SET_COOKIE, &gone);
        Ok(response)
    }

    fn lifetime_ms(&self) -> String {
        (self.config.lifetime.ps() / 1_000_000_000).max(1).to_string()
    }

    async fn within<T>(&self, asking: impl Future<Output = Result<T, Lost>>) -> Result<T, Lost> {
        let limit = Duration::from_nanos(self.config.store_timeout.ps().div_ceil(1000));
        aio::timeout(limit, asking).await.unwrap_or(Err(Lost))
    }
}

/// The session that a request names.
fn named(headers: &HeaderMap) -> Option<String> {
    let fields = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut cookies = fields.flat_map(|field| Cookie::split_parse(field).flatten());
    cookies.find(|cookie| cookie.name() == COOKIE).map(|cookie| cookie.value().to_string())
}

/// Who asks has to log in (RFC 9110 §15.5.2); browsers know no scheme for forms, so the field only says where.
pub(super) fn unauthorized() -> Response<Bytes> {
    let mut response = plain(StatusCode::UNAUTHORIZED);
    set(&mut response, header::WWW_AUTHENTICATE, "Form location=\"/login\"");
    response
}

fn form() -> Response<Bytes> {
    const FORM: &str = "<!DOCTYPE html>\n<html><head><title>login</title></head><body><form method=\"post\" action=\"/login\">\
        <input name=\"user\"/><input name=\"password\" type=\"password\"/><input type=\"submit\"/></form></body></html>\n";
    let mut response = Response::new(Bytes::from_static(FORM.as_bytes()));
    set(&mut response, header::CONTENT_TYPE, "text/html; charset=utf-8");
    set(&mut response, header::CACHE_CONTROL, "no-store");
    response
}

impl Store {
    /// Asks, and waits for the answer. A connection on which something went wrong is not used again.
    async fn ask(&self, words: &[&[u8]]) -> Result<Value, Lost> {
        let _turn = self.turn.acquire().await;
        let known = lock(&self.connection).take();
        let fresh = known.is_none();
        let mut connection = match known {
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut answer = exchange(&mut connection, words).await;
        if answer.is_err() && !fresh {
            // The store may have closed it meanwhile, as it does when it starts anew.
            connection = self.connect().await?;
            answer = exchange(&mut connection, words).await;
        }
        if answer.is_ok() {
            *lock(&self.connection) = Some(connection);
        }
        answer
    }

    async fn connect(&self) -> Result<(TcpStream, Arrived), Lost> {
        let socket = TcpSocket::new();
        socket.set(OptionName::NoDelay, true).map_err(|_| Lost)?;
        let stream = socket.connect(self.address).await.map_err(|_| Lost)?;
        let mut connection = (stream, Arrived::new());
        if let Some(password) = &self.password {
            match exchange(&mut connection, &[b"AUTH", password.as_bytes()]).await? {
                Value::Simple(_) => {}
                _ => return Err(Lost),
            }
        }
        Ok(connection)
    }
}

async fn exchange((stream, arrived): &mut (TcpStream, Arrived), words: &[&[u8]]) -> Result<Value, Lost> {
    stream.write_all(&encode_request(words)).await.map_err(|_| Lost)?;
    let mut buffer = [0; 4096];
    loop {
        match Value::decode(arrived.bytes(), &Limits::default()) {
            Ok((value, used)) => {
                arrived.take(used);
                return Ok(value);
            }
            Err(DecodeError::Truncated) => {}
            Err(_) => return Err(Lost),
        }
        match stream.read(&mut buffer).await {
            Ok(0) | Err(_) => return Err(Lost),
            Ok(read) => arrived.push(&buffer[..read]),
        }
    }
}
