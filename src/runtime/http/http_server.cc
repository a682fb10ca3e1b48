#include "runtime/http/http_server.h"

#include <map>
#include <unordered_map>

#include "runtime/http/http_connection.h"
#include "runtime/http/static_files.h"
#include "runtime/stream/stream_listener.h"
#include "runtime/tls/certificates.h"

namespace tandem::runtime {

namespace {
using ListenerKey = std::pair<uint16_t, uint16_t>;  // gate, number

struct Listener {
    ports::HttpListenerOpen settings;
    std::unique_ptr<StreamListener> socket;
};
struct Entry {
    std::unique_ptr<HttpConnection> connection;
    ListenerKey listener;
};
}  // namespace

struct HttpServer::State final : HttpHub {
    State(Reactor& on, Deliver to, TlsContexts& contexts, const HttpLimits& how)
        : reactor(on), deliver(std::move(to)), tls(contexts), limits(how) {}

    Reactor& reactor;
    Deliver deliver;
    TlsContexts& tls;
    const HttpLimits limits;
    std::map<ListenerKey, Listener> listeners;
    std::unordered_map<uint64_t, Entry> connections;
    std::unordered_map<uint64_t, uint64_t> by_request;
    std::unordered_map<SocketAddress, uint32_t> per_address;  // port 0
    std::optional<StaticFiles> files;
    SipUpgrades upgrades;
    uint64_t next_connection = 1;
    uint64_t next_request = 1;
    uint64_t requests = 0;
    uint64_t refused = 0;
    struct GateBound {
        uint32_t connections_max = 0;
        size_t connections = 0;
    };
    std::map<uint16_t, GateBound> gates;

    void open(ports::Instance gate, const ports::HttpListenerOpen& wanted, uint64_t request);
    Result<void> listen(ListenerKey key, const ports::HttpListenerOpen& wanted);
    void close(ListenerKey key);
    void accepted(ListenerKey key, UniqueFd fd, const SocketAddress& remote);
    void answer(uint64_t request, const ports::HttpResponse& response);
    void answer_part(uint64_t request, const ports::HttpPart& part);
    HttpConnection* asked_by(uint64_t request);
    void tell_taken(const HttpConnection& connection, bool gone);

    void on_http_request(HttpConnection& connection, ports::HttpRequest request) override;
    void on_http_taken(HttpConnection& connection) override { tell_taken(connection, false); }
    void on_http_gone(HttpConnection& connection) override;
    bool on_http_upgrade(HttpConnection& connection, std::string_view bytes) override;
};

void HttpServer::State::open(ports::Instance gate, const ports::HttpListenerOpen& wanted,
                             uint64_t request) {
    gates[gate.number].connections_max = wanted.connections_max;
    const ListenerKey key{gate.number, wanted.number};
    const auto found = listeners.find(key);
    if (found != listeners.end()) {
        const auto& now = found->second.settings;
        if (now.address == wanted.address && now.secure == wanted.secure) return;
        close(key);
    }
    const auto opened = listen(key, wanted);
    if (opened) return;
    deliver(
        {ports::kHttp, gate, request, ports::HttpListenerFailed{wanted.number, opened.error()}});
}

Result<void> HttpServer::State::listen(ListenerKey key, const ports::HttpListenerOpen& wanted) {
    if (wanted.secure && !tls.server({})) {
        return make_error(ErrorCode::NotFound, "secure", "this node has no certificate");
    }
    auto socket = TRY(StreamListener::tcp(reactor, wanted.address,
                                          [this, key](UniqueFd fd, const SocketAddress& remote) {
                                              accepted(key, std::move(fd), remote);
                                          }));
    listeners.insert_or_assign(key, Listener{wanted, std::move(socket)});
    return {};
}

void HttpServer::State::close(ListenerKey key) {
    if (listeners.erase(key) == 0) return;
    for (auto& [id, entry] : connections) {
        if (entry.listener == key) entry.connection->finish_soon();
    }
}

void HttpServer::State::accepted(ListenerKey key, UniqueFd fd, const SocketAddress& remote) {
    const auto listener = listeners.find(key);
    const auto here = per_address.find({remote.ip, 0});
    const auto theirs = gates.find(key.first);
    const bool gate_is_full = theirs != gates.end() && theirs->second.connections_max != 0 &&
                              theirs->second.connections >= theirs->second.connections_max;
    const bool crowded =
        gate_is_full || connections.size() >= limits.connections_max ||
        (here != per_address.end() && here->second >= limits.connections_per_address_max);
    if (crowded || listener == listeners.end()) {
        ++refused;
        return;
    }
    TlsContext context;
    if (listener->second.settings.secure) {
        context = tls.server({});
        if (!context) return;
    }
    const uint64_t id = next_connection++;
    auto connection = std::make_unique<HttpConnection>(reactor, limits, *this, id, remote);
    connection->accept(std::move(fd), context);
    ++per_address[{remote.ip, 0}];
    ++gates[key.first].connections;
    connections.emplace(id, Entry{std::move(connection), key});
}

void HttpServer::State::on_http_request(HttpConnection& connection, ports::HttpRequest request) {
    ++requests;
    if (files && StaticFiles::is_file_path(request.path)) {
        return connection.answer(files->answer(request));
    }
    const uint64_t id = next_request++;
    connection.request_id = id;
    by_request[id] = connection.id();
    const ports::Instance gate{connections.at(connection.id()).listener.first};
    deliver({ports::kHttp, gate, id, std::move(request)});
}

void HttpServer::State::on_http_gone(HttpConnection& connection) {
    const auto here = per_address.find({connection.remote().ip, 0});
    if (here != per_address.end() && --here->second == 0) per_address.erase(here);
    by_request.erase(connection.request_id);
    if (connection.is_streaming()) tell_taken(connection, true);
    const auto gone = connections.find(connection.id());
    if (gone == connections.end()) return;
    --gates[gone->second.listener.first].connections;
    connections.erase(gone);
}

bool HttpServer::State::on_http_upgrade(HttpConnection& connection, std::string_view bytes) {
    if (!upgrades.wanted || !upgrades.wanted(connection.remote(), connection.is_secure())) {
        return false;
    }
    SipUpgrade taken{connection.take_socket(), std::string(bytes), connection.remote(),
                     connection.is_secure()};
    reactor.post([this, id = connection.id()] {
        const auto found = connections.find(id);
        if (found != connections.end()) on_http_gone(*found->second.connection);
    });
    upgrades.take(std::move(taken));
    return true;
}

// nullptr: the client has left, or was told 504. An answer after our own 504 must not answer the
// next request of the connection.
HttpConnection* HttpServer::State::asked_by(uint64_t request) {
    const auto asked = by_request.find(request);
    if (asked == by_request.end()) return nullptr;
    const auto found = connections.find(asked->second);
    if (found == connections.end() || found->second.connection->request_id != request) {
        by_request.erase(asked);
        return nullptr;
    }
    return found->second.connection.get();
}

void HttpServer::State::answer(uint64_t request, const ports::HttpResponse& response) {
    HttpConnection* connection = asked_by(request);
    if (connection == nullptr) return;
    // The gate may have begun to stream to somebody who has been told 504, or wants the head only.
    connection->answer(response);
    if (!connection->is_streaming()) by_request.erase(request);
}

void HttpServer::State::answer_part(uint64_t request, const ports::HttpPart& part) {
    HttpConnection* connection = asked_by(request);
    if (connection == nullptr) return;
    if (part.last || part.broken) by_request.erase(request);
    connection->answer_part(part);
}

void HttpServer::State::tell_taken(const HttpConnection& connection, bool gone) {
    const auto entry = connections.find(connection.id());
    if (entry == connections.end() || connection.request_id == 0) return;
    const ports::Instance gate{entry->second.listener.first};
    deliver({ports::kHttp, gate, connection.request_id, ports::HttpTaken{gone}});
}

HttpServer::HttpServer(Reactor& reactor, Deliver deliver, TlsContexts& tls,
                       const HttpLimits& limits)
    : state_(std::make_unique<State>(reactor, std::move(deliver), tls, limits)) {}
HttpServer::~HttpServer() = default;

void HttpServer::serve_files(std::string directory) {
    state_->files.emplace(std::move(directory));
}
void HttpServer::set_sip_upgrades(SipUpgrades upgrades) {
    state_->upgrades = std::move(upgrades);
}

void HttpServer::handle(ports::Letter letter) {
    if (const auto* response = get_if<ports::HttpResponse>(&letter.payload)) {
        state_->answer(letter.request, *response);
    } else if (const auto* part = get_if<ports::HttpPart>(&letter.payload)) {
        state_->answer_part(letter.request, *part);
    } else if (holds_alternative<ports::Unreachable>(letter.payload)) {
        ports::HttpResponse unavailable;
        unavailable.status = 503;
        unavailable.headers.emplace_back("retry-after", "1");
        unavailable.body = R"({"error":{"code":"unavailable","message":"try again later"}})";
        state_->answer(letter.request, unavailable);
    } else if (const auto* open = get_if<ports::HttpListenerOpen>(&letter.payload)) {
        state_->open(letter.from, *open, letter.request);
    } else if (const auto* close = get_if<ports::HttpListenerClose>(&letter.payload)) {
        state_->close({letter.from.number, close->number});
    }
}

std::optional<SocketAddress> HttpServer::bound(ports::Instance gate, uint16_t number) const {
    const auto found = state_->listeners.find({gate.number, number});
    if (found == state_->listeners.end()) return std::nullopt;
    return found->second.socket->address();
}

std::vector<std::pair<std::string, double>> HttpServer::figures() const {
    return {{"http_connections", static_cast<double>(state_->connections.size())},
            {"http_connections_refused_total", static_cast<double>(state_->refused)},
            {"http_requests_total", static_cast<double>(state_->requests)},
            {"http_requests_waiting", static_cast<double>(state_->by_request.size())}};
}

}  // namespace tandem::runtime
