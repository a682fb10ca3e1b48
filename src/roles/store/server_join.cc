#include "roles/store/server_join.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cstdio>
#include <cstdlib>

#include "base/crypto.h"
#include "base/json_text.h"
#include "model/format.h"
#include "ports/join_token.h"
#include "roles/store/entity_ops.h"
#include "roles/store/entity_rules.h"
#include "roles/store/limits.h"

namespace tandem::roles::store_role {
namespace {

namespace json = boost::json;

// Milliseconds as people read them: "4.2 s", "3 min", "2 h".
std::string span_text(int64_t ms) {
    char text[32];
    const double s = static_cast<double>(ms) / 1'000;
    if (s < 120) {
        std::snprintf(text, sizeof text, "%.1f s", s);
    } else if (s < 7'200) {
        std::snprintf(text, sizeof text, "%.0f min", s / 60);
    } else {
        std::snprintf(text, sizeof text, "%.0f h", s / 3'600);
    }
    return text;
}

struct TokenRecord {
    int64_t expires_ms = 0;
    std::string server;  // that it is for; empty: any
    // Of the server that used it.
    std::string used_by;
    std::string request_hash;
    int node = 0;
};

std::string to_text(const TokenRecord& record) {
    JsonWriter out;
    out.begin_object().field("expires_ms").value(record.expires_ms);
    out.field("server").value(record.server);
    if (!record.used_by.empty()) {
        out.field("used_by").value(record.used_by);
        out.field("request").value(record.request_hash).field("node").value(record.node);
    }
    return out.end_object().take();
}

std::string text_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_string() ? std::string(value->get_string()) : std::string();
}
int64_t number_of(const json::object& object, std::string_view name) {
    const json::value* value = object.if_contains(name);
    return value && value->is_int64() ? value->get_int64() : 0;
}

// What cannot be read counts as expired long ago.
TokenRecord record_of(const std::string& text) {
    boost::system::error_code error;
    const json::value value = json::parse(text, error);
    if (error || !value.is_object()) return {};
    const json::object& object = value.get_object();
    return {number_of(object, "expires_ms"), text_of(object, "server"), text_of(object, "used_by"),
            text_of(object, "request"), static_cast<int>(number_of(object, "node"))};
}

Error refused(ErrorCode code, std::string_view field, std::string_view why) {
    return make_error(code, field, why);
}

const model::Server* server_named(const Catalog& catalog, const std::string& name) {
    const model::Server* found = nullptr;
    catalog.visit_servers([&](const model::Server& server) {
        if (server.name == name) found = &server;
        return found == nullptr;
    });
    return found;
}

// Home nodes of the servers that others can reach, by number.
std::vector<ports::ServerJoined::Neighbour> neighbours_of(const Catalog& catalog) {
    std::vector<ports::ServerJoined::Neighbour> all;
    catalog.visit_servers([&](const model::Server& server) {
        if (const auto address = listener_of(server, server.node)) {
            all.push_back({server.name, static_cast<uint16_t>(server.node), address->text()});
        }
        return true;
    });
    std::ranges::sort(all, {}, &ports::ServerJoined::Neighbour::node);
    return all;
}

// `field`: as whoever asks calls it.
Result<void> check_name(const std::string& name, std::string_view field) {
    if (!name.empty() && name.size() <= 63 && model::matches(model::Format::Name, name)) return {};
    return refused(ErrorCode::OutOfRange, field,
                   "a server's name has 1 to 63 of a-z, 0-9, '-', '_' and '.', and begins with a "
                   "letter or digit");
}

// Whether a machine with a token for `server` may take its place. The first server keeps what no
// other has: the site's authority, and a store that is SQLite.
Result<void> check_replaceable(const model::Server& server, NodesUp up, std::string_view field) {
    const std::string begin = "the name '" + server.name + "' belongs to another server of this ";
    if (server.node == 1) {
        return refused(
            ErrorCode::Conflict, field,
            begin + "system, its first one, whose place only a restored site gives away");
    }
    if (std::ranges::find(up, server.node) == up.end()) return {};
    return refused(ErrorCode::Conflict, field, begin + "system, which is running");
}

Result<void> check_token(const ports::ServerJoin& join, const store::KeyValue* stored,
                         const TokenRecord& record, UtcTime now) {
    if (stored == nullptr) {
        return refused(ErrorCode::Unauthorized, "token",
                       "the token is wrong: nothing is known of it here");
    }
    if (!record.used_by.empty()) {
        return refused(ErrorCode::Unauthorized, "token",
                       "the token was used already, by the server '" + record.used_by +
                           "': each server needs one of its own");
    }
    if (record.expires_ms <= now.unix_ms) {
        return refused(ErrorCode::Unauthorized, "token",
                       "the token expired " + span_text(now.unix_ms - record.expires_ms) +
                           " ago: ask for a new one");
    }
    if (!record.server.empty() && record.server != join.name) {
        return refused(
            ErrorCode::Forbidden, "name",
            "the token is for a server named '" + record.server + "', not '" + join.name + "'");
    }
    return {};
}

Result<void> check_program(const ports::ServerJoin& join, UtcTime now) {
    if (join.protocol < ports::link_protocol_oldest) {
        return refused(ErrorCode::Unsupported, "version",
                       "version " + join.version + " is too old: it speaks protocol " +
                           std::to_string(join.protocol) + ", this site needs " +
                           std::to_string(ports::link_protocol_oldest) + " at least");
    }
    const int64_t apart = std::llabs(now.unix_ms - join.clock.unix_ms);
    if (apart > join_clock_difference_max.count()) {
        return refused(ErrorCode::OutOfRange, "clock",
                       "the clocks of the two servers are " + span_text(apart) +
                           " apart, and at most " + span_text(join_clock_difference_max.count()) +
                           " are allowed: set the clock of the one that is wrong");
    }
    return {};
}

SiteId site_of_system(const Catalog& catalog) {
    SiteId found;
    catalog.visit_servers([&](const model::Server& server) {
        if (found.is_nil() || server.node == 1) found = server.site;
        return true;
    });
    return found;
}

Result<model::Server> new_server(const WriteScope& scope, const ports::ServerJoin& join) {
    TRY(check_name(join.name, "name"));
    if (server_named(scope.catalog, join.name) != nullptr) {
        return refused(ErrorCode::Conflict, "name",
                       "the name '" + join.name +
                           "' belongs to another server of this system; when its machine is gone, "
                           "a token that is made for the name lets this one take its place");
    }
    model::Server server;
    server.id = ServerId::mint(scope.now, scope.rng);
    server.site = site_of_system(scope.catalog);
    server.name = join.name;
    server.link_address = join.link_address;
    if (server.link_address.empty()) {
        return refused(ErrorCode::Missing, "address", "the server has not said its address");
    }
    server.witness = join.witness;
    server.node = join.node;
    if (server.node == 0) server.node = TRY(free_node(scope.catalog));
    TRY(check_rules(scope.catalog, server, Fresh::Yes));
    return server;
}

// It says the address that the layers have: they are changed by people alone.
Result<void> check_replacement(const model::Server& server, const ports::ServerJoin& join,
                               NodesUp up) {
    TRY(check_replaceable(server, up, "name"));
    if (join.node != 0 && join.node != server.node) {
        return refused(ErrorCode::Conflict, "node",
                       "the server '" + server.name + "' has another home node");
    }
    if (join.link_address == server.link_address) return {};
    return refused(ErrorCode::Conflict, "address",
                   "the server '" + server.name + "' is known at " + server.link_address +
                       ", not " + join.link_address +
                       ": give --address, or change it first with 'tandem "
                       "server set " +
                       server.name + " --link-address " + join.link_address + "'");
}

// Roles that are put on the server listen at its address until it gets other interfaces.
model::Interface new_interface(const WriteScope& scope, const model::Server& server) {
    const auto address = SocketAddress::parse(server.link_address)->ip;
    model::Interface interface;
    interface.id = InterfaceId::mint(scope.now, scope.rng);
    interface.server = server.id;
    interface.name = "default";
    interface.address = address.text();
    interface.family = address.family == AddressFamily::V6 ? model::AddressFamily::Ipv6
                                                           : model::AddressFamily::Ipv4;
    return interface;
}

std::string hash_of(std::string_view text) {
    return hash_hex(HashAlgorithm::Sha256, text);
}

}  // namespace

Result<TokenChange> prepare_token(const WriteScope& scope, const ports::JoinTokenQuery& query,
                                  std::span<const store::KeyValue> stored,
                                  const std::string& fingerprint, NodesUp up) {
    if (query.valid_s < join_token_valid_min_s || query.valid_s > join_token_valid_max_s) {
        return refused(ErrorCode::OutOfRange, "valid_s", "must be from 1 to 604800 (a week)");
    }
    if (!query.server.empty()) TRY(check_name(query.server, "server"));
    if (const auto* known = server_named(scope.catalog, query.server))
        TRY(check_replaceable(*known, up, "server"));
    ports::JoinToken token;
    token.fingerprint = fingerprint;
    for (const auto& neighbour : neighbours_of(scope.catalog)) {
        if (token.addresses.size() == join_token_addresses_max) break;
        token.addresses.push_back(*SocketAddress::parse(neighbour.address));
    }
    if (fingerprint.empty()) {
        return refused(ErrorCode::Unavailable, "", "this site has no authority (tls/site_ca.crt)");
    }
    if (token.addresses.empty()) {
        return refused(ErrorCode::Conflict, "link_address",
                       "no server has an address for others yet: set it with 'tandem server set "
                       "NAME --link-address ADDRESS:7200'");
    }
    TokenChange change;
    size_t alive = 0;
    for (const store::KeyValue& each : stored) {
        const int64_t over_for = scope.now.unix_ms - record_of(each.value).expires_ms;
        alive += over_for < 0 ? 1 : 0;
        const bool goes = over_for > join_token_kept.count();
        if (goes && change.write.ops.size() < join_tokens_max) {
            change.write.ops.push_back(store::Delete{each.key});
        }
    }
    if (alive >= join_tokens_max) {
        return refused(ErrorCode::Conflict, "", "too many tokens are valid: use one of them");
    }
    token.secret = scope.rng.token(join_secret_length);
    const TokenRecord record{scope.now.unix_ms + int64_t{query.valid_s} * 1'000, query.server};
    change.write.ops.push_back(
        store::Put{keys::join_token(hash_of(token.secret)), to_text(record), 0});
    JsonWriter out;
    out.begin_object().field("token").value(ports::encode(token));
    out.field("expires").value(to_rfc3339({record.expires_ms}));
    out.field("valid_s").value(query.valid_s).field("server");
    if (query.server.empty()) {
        out.null();
    } else {
        out.value(query.server);
    }
    change.reply.json = out.end_object().take();
    return change;
}

std::string token_key(const ports::ServerJoin& join) {
    return keys::join_token(hash_of(join.secret));
}

Result<JoinChange> prepare_join(const WriteScope& scope, const ports::ServerJoin& join,
                                const store::KeyValue* stored, NodesUp up) {
    TokenRecord record = stored ? record_of(stored->value) : TokenRecord{};
    const std::string request_hash = hash_of(join.request);
    JoinChange change;
    change.reply.neighbours = neighbours_of(scope.catalog);
    std::erase_if(change.reply.neighbours,
                  [&](const auto& each) { return each.server == join.name; });
    const bool answered_before =
        record.used_by == join.name && record.request_hash == request_hash &&
        (join.node == 0 || join.node == record.node) && record.expires_ms > scope.now.unix_ms;
    if (answered_before) {
        change.reply.node = static_cast<uint16_t>(record.node);
        return change;
    }
    TRY(check_token(join, stored, record, scope.now));
    TRY(check_program(join, scope.now));
    const model::Server* former = server_named(scope.catalog, join.name);
    if (former != nullptr && record.server != join.name) former = nullptr;
    if (former != nullptr) TRY(check_replacement(*former, join, up));
    const model::Server server = former != nullptr ? *former : TRY(new_server(scope, join));
    change.reply.node = static_cast<uint16_t>(server.node);
    if (join.node == 0) return change;
    record.used_by = server.name;
    record.request_hash = request_hash;
    record.node = server.node;
    change.write.compares.push_back(
        store::Compare::mod_revision_is(stored->key, stored->mod_revision));
    change.write.compares.push_back(store::Compare::exists(keys::site(server.site)));
    change.write.ops.push_back(store::Put{stored->key, to_text(record), 0});
    if (former != nullptr) return change;
    const Stamp stamp{scope.now, scope.writer};
    put_new(server, stamp, change.write);
    put_new(new_interface(scope, server), stamp, change.write);
    return change;
}

}  // namespace tandem::roles::store_role
