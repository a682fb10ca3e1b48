#include "app/site/joiner.h"

#include <unistd.h>

#include <filesystem>

#include "app/config/site_keys.h"
#include "app/version.h"
#include "base/bytes.h"
#include "ports/join_token.h"
#include "runtime/process/process.h"
#include "runtime/reactor/clock.h"
#include "runtime/stream/stream_listener.h"
#include "runtime/stream/stream_socket.h"
#include "runtime/tls/site_authority.h"
#include "wire/frame.h"

namespace tandem::app {
namespace {

// A listener that does not answer by then is tried no longer: there may be others.
constexpr Duration kConnectMax = 5s;
// The site's own bounds for a write are below this.
constexpr Duration kAnswerMax = 10s;
// Somebody else may join at the same time and get the node that we were promised.
constexpr int kTries = 3;

Error cannot(ErrorCode code, const std::string& why) {
    return make_error(code, "", "cannot join: " + why);
}

// Some refusals are about a field and begin with its verb.
std::string sentence(const Error& error) {
    const bool needs_subject =
        error.message.starts_with("must ") || error.message.starts_with("is ");
    return needs_subject ? error.field + " " + error.message : error.message;
}

// One connection to a node of the site.
class Conversation final : public runtime::StreamEvents {
 public:
    Result<void> open(const SocketAddress& to, const std::string& fingerprint);
    Result<wire::JoinReply> ask(const ports::ServerJoin& join);
    IpAddress own_address() const { return socket_->local().ip; }

    void on_stream_open() override { is_open_ = true; }
    void on_stream_bytes(std::string_view bytes) override { cutter_.push(bytes); }
    void on_stream_end(runtime::StreamEnd) override { has_ended_ = true; }

 private:
    runtime::Reactor reactor_;
    std::unique_ptr<runtime::StreamSocket> socket_;
    wire::FrameCutter cutter_;
    bool is_open_ = false;
    bool has_ended_ = false;
};

Result<void> Conversation::open(const SocketAddress& to, const std::string& fingerprint) {
    runtime::StreamSocket::Settings settings;
    settings.tls = runtime::make_joining_context();
    auto made = runtime::StreamSocket::connect(reactor_, to, settings, *this);
    if (!made.has_value()) return made.error();
    socket_ = std::move(*made);
    reactor_.run_until([this] { return is_open_ || has_ended_; }, kConnectMax);
    if (!is_open_) {
        const std::string& why = socket_->tls_failure();
        return make_error(ErrorCode::Unavailable, "address",
                          !why.empty() ? "TLS was not agreed: " + why
                          : has_ended_ ? "it refuses the connection"
                                       : "it does not answer");
    }
    const auto peer = socket_->peer_certificate();
    const auto shown = runtime::check_shown_by(peer.chain, fingerprint);
    if (shown.has_value()) return {};
    return make_error(shown.error().code, "address", "its certificate " + shown.error().message);
}

Result<wire::JoinReply> Conversation::ask(const ports::ServerJoin& join) {
    std::string frame;
    TRY(wire::append_join(frame, join));
    Result<std::optional<std::string_view>> cut = std::optional<std::string_view>();
    socket_->send(frame);
    reactor_.run_until(
        [&] {
            cut = cutter_.pop();
            return !cut.has_value() || cut->has_value() || has_ended_;
        },
        kAnswerMax);
    if (!cut.has_value() || !cut->has_value()) {
        return make_error(ErrorCode::Timeout, "", "the site has not answered");
    }
    auto answer = TRY(wire::decode(**cut));
    auto* reply = std::get_if<wire::JoinReply>(&answer);
    if (reply == nullptr) {
        return make_error(ErrorCode::Malformed, "", "the site has answered something else");
    }
    return std::move(*reply);
}

// What was made in the data directory goes away unless it is kept.
class Traces {
 public:
    explicit Traces(std::string data) : data_(std::move(data)) {}
    ~Traces() {
        std::error_code ignored;
        for (auto it = made_.rbegin(); it != made_.rend(); ++it) {
            std::filesystem::remove_all(*it, ignored);
        }
    }
    Result<void> directory(const std::string& path) {
        std::error_code error;
        if (std::filesystem::exists(path, error)) return {};
        std::filesystem::create_directories(path, error);
        if (error) {
            return make_error(ErrorCode::Unavailable, "data",
                              path + " cannot be made: " + error.message());
        }
        made_.push_back(path);
        return {};
    }
    Result<void> file(const std::string& name, const std::string& text) {
        const std::string path = data_ + name;
        made_.push_back(path);
        return write_secret(path, text.ends_with('\n') ? text : text + '\n');
    }
    void keep() { made_.clear(); }

 private:
    std::string data_;
    std::vector<std::string> made_;
};

class Joiner {
 public:
    Joiner(const Bootstrap& bootstrap, ports::JoinToken token, JoinAs as)
        : bootstrap_(bootstrap), token_(std::move(token)), as_(as), traces_(bootstrap.data) {}
    Result<ServerFile> run();

 private:
    Result<void> prepare_directory();
    Result<ServerFile> join_at(const SocketAddress& address);
    Result<void> check_port(const SocketAddress& link_address, uint16_t node) const;
    Result<ServerFile> settle(const wire::JoinReply& reply, const ports::ServerJoin& join);

    const Bootstrap& bootstrap_;
    ports::JoinToken token_;
    JoinAs as_;
    Traces traces_;
    std::string request_;
    // The token may have been used up for us, and only whoever has our key can still use it.
    bool outcome_is_unknown_ = false;
};

Result<void> Joiner::prepare_directory() {
    const std::string& data = bootstrap_.data;
    for (const char* name : {"/server.toml", "/store.db", "/store.toml", "/tls/site_ca.key"}) {
        if (access((data + name).c_str(), F_OK) != 0) continue;
        const auto file = read_server_file(data);
        const bool named = file.has_value() && !file->name.empty();
        return make_error(ErrorCode::Conflict, "data",
                          "the data directory " + data + " belongs to a server already" +
                              (named ? ", '" + file->name + "'" : "") +
                              ": start tandemd without --join, or give another --data");
    }
    for (const char* name : {"", "/run", "/tls"}) TRY(traces_.directory(data + name));
    // A key that is there was made by a try whose outcome was not known.
    std::string key = read_secret(data + "/tls/link.key");
    if (key.empty()) {
        key = TRY(runtime::make_link_key());
        TRY(traces_.file("/tls/link.key", key));
    }
    request_ = TRY(runtime::make_certificate_request(key));
    return {};
}

Result<void> Joiner::check_port(const SocketAddress& link_address, uint16_t node) const {
    runtime::Reactor reactor;
    const SocketAddress listener{link_address.ip, static_cast<uint16_t>(link_address.port + node)};
    const auto opened = runtime::StreamListener::tcp(
        reactor, listener, [](runtime::UniqueFd, const SocketAddress&) {});
    if (opened.has_value()) return {};
    return make_error(
        ErrorCode::Conflict, "address",
        "links of this server would listen at " + listener.text() + ": " + opened.error().message);
}

Result<ServerFile> Joiner::join_at(const SocketAddress& address) {
    Conversation site;
    TRY(site.open(address, token_.fingerprint));
    SocketAddress link_address{site.own_address(), link_port_default};
    if (const auto ip = IpAddress::parse(bootstrap_.address)) link_address.ip = *ip;
    if (const auto own = SocketAddress::parse(bootstrap_.link_address)) link_address = *own;
    ports::ServerJoin join;
    join.secret = token_.secret;
    join.name = bootstrap_.name;
    join.link_address = link_address.text();
    join.version = kVersion;
    join.protocol = ports::link_protocol;
    join.request = request_;
    join.clock = runtime::read_clocks().utc;
    join.witness = as_ == JoinAs::Witness;
    wire::JoinReply reply = TRY(site.ask(join));
    if (reply.joined.error) return *reply.joined.error;
    TRY(check_port(link_address, reply.joined.node));
    join.node = reply.joined.node;
    join.clock = runtime::read_clocks().utc;
    outcome_is_unknown_ = true;
    reply = TRY(site.ask(join));
    outcome_is_unknown_ = false;
    if (reply.joined.error) return *reply.joined.error;
    return settle(reply, join);
}

// The file that says who we are comes last: without it the directory is nobody's.
Result<ServerFile> Joiner::settle(const wire::JoinReply& reply, const ports::ServerJoin& join) {
    outcome_is_unknown_ = true;
    ServerFile file{join.name, reply.joined.node, join.link_address, {}};
    for (const auto& each : reply.joined.neighbours) {
        const auto address = SocketAddress::parse(each.address);
        if (address) file.neighbours.push_back({each.server, each.node, *address});
    }
    TRY(traces_.file("/site.key", reply.site_key));
    TRY(traces_.file("/admin.token", reply.admin_token));
    TRY(traces_.file("/tls/site_ca.crt", reply.authority));
    TRY(traces_.file("/tls/link.crt", reply.certificate));
    TRY(write_server_file(bootstrap_.data, file));
    traces_.keep();
    return file;
}

Result<ServerFile> Joiner::run() {
    const auto prepared = prepare_directory();
    if (!prepared.has_value()) return cannot(prepared.error().code, prepared.error().message);
    const auto lock = runtime::LockFile::acquire(bootstrap_.data + "/run/tandemd.lock");
    if (!lock.has_value()) {
        return cannot(ErrorCode::Conflict,
                      "another tandemd uses the data directory " + bootstrap_.data);
    }
    std::string unreachable;
    for (const SocketAddress& address : token_.addresses) {
        Result<ServerFile> joined = ServerFile{};
        for (int round = 0; round < kTries; ++round) {
            joined = join_at(address);
            if (joined.has_value()) return joined;
            if (joined.error().field != "node" || outcome_is_unknown_) break;
        }
        if (outcome_is_unknown_) {
            traces_.keep();
            return cannot(joined.error().code, joined.error().message +
                                                   "; whether the site has taken this server in is "
                                                   "not known: give the same command again");
        }
        // Others may answer; who has judged us speaks for all.
        const bool is_about_this_one = joined.error().field == "address" ||
                                       joined.error().field == "authority" ||
                                       joined.error().code == ErrorCode::Timeout;
        if (!is_about_this_one) return cannot(joined.error().code, sentence(joined.error()));
        unreachable +=
            (unreachable.empty() ? "" : "; ") + address.text() + ": " + joined.error().message;
    }
    return cannot(ErrorCode::Unavailable, unreachable);
}

}  // namespace

Result<ServerFile> join_system(const Bootstrap& bootstrap, const std::string& token, JoinAs as) {
    const auto decoded = ports::decode_join_token(token);
    if (!decoded.has_value()) return cannot(decoded.error().code, decoded.error().message);
    return Joiner(bootstrap, *decoded, as).run();
}

}  // namespace tandem::app
