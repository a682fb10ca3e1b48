// HTTP between the runtime and the web gate (WS), and what WS asks of the store role (ST) and of
// hosts.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

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
    std::string actor;  // who asks, for the writer's stamp
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
};
struct RouteTestReply {
    std::optional<Error> error;
    std::string json;  // steps with reasons
};

// CDR history beside the store (kHistory).
struct HistoryQuery {
    std::string domain_id;  // empty: all
    std::string call_id;    // empty: any
    std::string number;     // caller or callee; empty: any
    int64_t from_ms = 0;
    int64_t to_ms = 0;  // 0: now
    std::string after;
    uint32_t limit = 100;
};
struct HistoryPage {
    std::optional<Error> error;
    std::string json;  // {"items": [...], "next": ...}
};
struct HistoryAppend {
    struct Record {
        std::string id;    // unique; a second record of the same id is dropped
        std::string json;  // model::Cdr
    };
    std::vector<Record> records;
};
struct HistoryAppended {
    std::optional<Error> error;
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
