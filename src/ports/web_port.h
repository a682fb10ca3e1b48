// HTTP between the runtime and the web gate (WS), and what WS asks of the store role (ST) and of
// hosts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/id.h"
#include "base/instant.h"
#include "base/net_address.h"
#include "base/result.h"
#include "ports/address.h"

namespace tandem::ports {

// `Letter::request` ties response to request.
struct HttpRequest {
    std::string method;                                        // "GET"
    std::string path;                                          // percent-decoded, without the query
    std::vector<std::pair<std::string, std::string>> query;    // decoded
    std::vector<std::pair<std::string, std::string>> headers;  // names in lower case
    std::string body;
    std::string remote;  // address of the client
    bool secure = false;
};
struct HttpResponse {
    int status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    std::string body;
    bool streamed = false;  // `body` is the beginning; HttpPart brings the rest
};
// The rest of a streamed response, piece by piece, by the same request number. The next one is sent
// when HttpTaken says that there is room.
struct HttpPart {
    std::string bytes;
    bool last = false;
    bool broken = false;  // nothing more can come: the client is to see that it has not got all
};
// kHttp to the gate, by the same request number: what it was given is on its way, or the client has
// left and nothing more is wanted.
struct HttpTaken {
    bool gone = false;
};

// Sockets that a web gate listens on, by request to kHttp. The number is the gate's. Opening a
// number that is open with other settings closes it first; the same settings again change nothing.
struct HttpListenerOpen {
    uint16_t number = 0;
    SocketAddress address;
    bool secure = false;  // TLS with the node's certificate
    // Of all connections of the gate; 0: the runtime's own bound.
    uint32_t connections_max = 0;
};
struct HttpListenerClose {
    uint16_t number = 0;
};
struct HttpListenerFailed {
    uint16_t number = 0;
    Error error;
};

// Who asks, as a web gate has found out, and what he may do: rights of model/rights.h in his own
// domain, and in those below it.
struct Actor {
    std::string name;     // for the audit log: "admin", "alice@acme.test", "token deploy@acme.test"
    std::string address;  // that he asks from
    DomainId domain;      // nil: the operator of the system, who may do everything
    uint64_t own = 0;
    uint64_t below = 0;
};

enum class EntityVerb : uint8_t { Create, Read, List, Replace, Patch, Remove };

// One operation on one kind of entity, by ST. Names and ids are accepted alike where a path has
// them.
struct EntityRequest {
    EntityVerb verb = EntityVerb::Read;
    std::string kind;      // "domain", "account", ... as in the schema
    std::string domain;    // name or id of the owning domain; empty for entities outside domains
    std::string id;        // id or natural name; empty for Create and List
    std::string body;      // JSON
    std::string if_match;  // ETag; empty: unconditional
    std::string after;     // List: cursor
    uint32_t limit = 100;
    Actor actor;
    bool dry_run = false;       // judges a change, and writes nothing
    std::string password_hash;  // of the password in the body, where a user has one
    bool end_sessions = false;  // of the user: those that there are, are over
    bool force = false;         // though it breaks expected routes (route_checks.h)
};
struct EntityReply {
    std::optional<Error> error;
    std::string json;  // the entity, or {"items": [...], "next": ...}
    std::string etag;
};

struct RouteTest {
    std::string domain;
    std::string caller;  // account login or number
    std::string dialled;
    std::string direction;      // of model::DialDirection; empty: inner
    int64_t at_ms = 0;          // when; 0: now
    bool tells_trunks = false;  // who asks may read the domain's trunks
};
struct RouteTestReply {
    std::optional<Error> error;
    std::string json;  // steps with reasons
};

// What was refused to somebody, for the audit log; by a web gate to ST. Several alike are told
// once.
struct AuditNote {
    Actor actor;
    DomainId domain;     // whose log it goes to; nil: the system's
    std::string action;  // "refused", "sign-in", "sign-in refused"
    std::string what;    // "PATCH /api/v1/domains/acme.test"
    std::string reason;
    uint32_t count = 1;
    UtcTime at;
};

// Argon2id takes tens of milliseconds, so it has a thread of its own (kPasswords). An empty hash:
// one is to be made of the password; else it says whether the password fits.
struct PasswordCheck {
    std::string password;
    std::string hash;
};
struct PasswordChecked {
    std::optional<Error> error;
    std::string hash;
    bool matches = false;
};

// The audit log beside the store (kHistory).
struct AuditQuery {
    std::string domain_id;  // empty: all
    std::string kind;       // of the entity; empty: any
    std::string entity;     // its id; empty: any
    std::string actor;      // empty: anybody
    int64_t from_ms = 0;
    int64_t to_ms = 0;  // 0: now
    std::string after;
    uint32_t limit = 100;
    bool oldest_first = false;
    bool whole = false;  // with what is kept for a roll-back, which no API shows
};
struct AuditPage {
    std::optional<Error> error;
    std::string json;  // {"items": [...], "next": ...}
};

// CDR history beside the store (kHistory).
struct HistoryQuery {
    std::string domain_id;  // empty: all
    std::string call_id;    // empty: any
    std::string number;     // of either side, or dialled; "1001*": beginning so; empty: any
    int64_t from_ms = 0;
    int64_t to_ms = 0;  // 0: now
    std::string after;
    uint32_t limit = 100;
    std::string account_id;   // of either side; empty: any
    std::string direction;    // as model::CallDirection is written; empty: any
    std::string result;       // as model::CallResult is written; empty: any
    int32_t sip_status = -1;  // -1: any
    int64_t duration_min_ms = 0;
    bool csv = false;  // what is asked for
};
struct HistoryPage {
    std::optional<Error> error;
    std::string json;  // {"items": [...], "next": ...}; or lines of CSV, the first page with a head
    std::string next = {};  // of CSV; empty: that was all
};
struct HistoryAppend {
    enum class Kind : uint8_t { Cdr, Audit };
    struct Record {
        std::string id;    // unique; a second record of the same id is dropped
        std::string json;  // model::Cdr, or a record of the audit log
        Kind kind = Kind::Cdr;
    };
    std::vector<Record> records;
};
struct HistoryAppended {
    std::optional<Error> error;
};
// Forgets what is older, a bounded step at a time. 0: nothing of that kind.
struct HistoryErase {
    int64_t calls_before_ms = 0;
    int64_t audit_before_ms = 0;
    uint32_t limit = 0;  // records of each kind
};
struct HistoryErased {
    std::optional<Error> error;
    uint32_t calls = 0;
    uint32_t audit = 0;
};

// Which store the site has (kKeyValue), and a move of all its data to another one. A move is
// answered when it has begun; the state tells how it goes.
struct StoreStateQuery {};
struct StoreMove {
    std::string kind;  // "sqlite", "etcd"
    // Of an etcd that is there already; empty: this server founds a cluster of its own.
    std::vector<std::string> endpoints;
};
struct StoreState {
    std::optional<Error> error;
    std::string json;
    std::string place;  // for nodes of other servers: what store.toml says
};

// Hosts of nodes answer with what they run.
struct StatusQuery {};
struct StatusReply {
    std::string json;  // one node: number, version, start, instances with state, counters
};
// Asks the host of a node for a drill: what happens by accident elsewhere happens here on purpose.
struct HarmRequest {
    enum class Kind : uint8_t {
        Kill,       // SIGKILL
        Pause,      // SIGSTOP, and SIGCONT when the time is over
        Partition,  // its links carry nothing
    };
    enum class Scope : uint8_t { Node, Server };  // Server: all that runs on it
    Kind kind = Kind::Kill;
    Scope scope = Scope::Node;
    uint32_t seconds = 0;  // of a pause or a partition
};
struct HarmReply {
    std::optional<Error> error;  // nothing will happen
    uint32_t in_ms = 0;          // when it will, so that this answer is out before
};
struct LogLevelSet {
    std::string level;  // trace, debug, info, warn, error
};

}  // namespace tandem::ports
