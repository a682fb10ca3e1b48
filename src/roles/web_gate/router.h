// Which path means what: one table of all resources of the API, read top to bottom.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace tandem::roles::web_gate {

enum class Action : uint8_t {
    Health,
    Metrics,
    Status,
    Events,      // what happened on all nodes lately
    EntityList,  // GET, POST of a collection of entities
    EntityItem,  // GET, PUT, PATCH, DELETE of one
    Plan,        // the logic layer as a whole: GET, POST judges another one, PUT applies it
    Calls,       // live calls
    Call,        // one of them; DELETE hangs up
    CallTrace,   // its SIP messages
    CallEvents,  // what happens to the calls of a domain, as it happens
    Bindings,    // live registrations of a domain
    Binding,     // those of one account
    TrunkStates,
    QueueStates,  // who waits in the queues of a domain, and their agents
    Cdr,          // history
    RouteTest,
    DialPlanCheck,  // what is odd about a domain's dial rules
    Audit,          // who changed what
    Configuration,  // what a domain was: GET shows what differs, POST goes back
    Bulk,           // many creations, a line each
    LogLevel,
    ServerToken,  // for a server that is to join
    Harm,         // a drill
    Store,        // which one the site has; POST moves it
    Backup,       // POST begins one, GET takes its next piece, DELETE gives it up
    Session,      // POST signs in, GET says who one is, DELETE ends all sessions of the user
};

enum class Access : uint8_t {
    Anyone,
    AdminOrLocal,  // without a token from the machine itself
    Granted,       // whoever has the right (permit.h); without one the operator
};

// Methods of a resource, as bits.
inline constexpr uint8_t kGet = 1;
inline constexpr uint8_t kPost = 2;
inline constexpr uint8_t kPut = 4;
inline constexpr uint8_t kPatch = 8;
inline constexpr uint8_t kDelete = 16;

struct Route {
    std::string_view pattern;  // "/api/v1/domains/{domain}/accounts/{id}"
    uint8_t methods = kGet;
    Action action = Action::Health;
    std::string_view kind;  // of the entity, as in the schema
    Access access = Access::Granted;
};

std::span<const Route> all_routes();

struct RouteMatch {
    const Route* route = nullptr;
    std::string domain;  // name or id, from the path
    std::string id;
};
// nullopt: no such resource.
std::optional<RouteMatch> match_route(std::string_view path);

// The bit of a method; HEAD counts as GET; 0: none that any resource has.
uint8_t method_bit(std::string_view method);
std::string allow_of(const Route& route);  // "GET, POST", for 405

}  // namespace tandem::roles::web_gate
