#include "runtime/etcd/rpc_client.h"

#include <grpc/support/log.h>
#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include <chrono>
#include <deque>
#include <fstream>
#include <iterator>
#include <mutex>
#include <thread>
#include <unordered_set>

#include "base/check.h"
#include "base/net_address.h"

namespace tandem::runtime {
namespace {

// A dead member's successor is reached on a connection that stands already. These bound how long
// one that came back is not noticed.
constexpr int reconnect_pause_first_ms = 20;
constexpr int reconnect_pause_last_ms = 200;

// What gRPC gives back once for each operation that was begun.
struct Tag {
    virtual ~Tag() = default;
    virtual void on_event(bool ok) = 0;
};

Result<std::string> read_pem(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string text(std::istreambuf_iterator<char>(file), {});
    if (!file || text.empty())
        return make_error(ErrorCode::Unavailable, "tls", "cannot read " + path);
    return text;
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(const EtcdTlsFiles& tls) {
    if (!tls.is_set()) return grpc::InsecureChannelCredentials();
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = TRY(read_pem(tls.ca));
    options.pem_cert_chain = TRY(read_pem(tls.certificate));
    options.pem_private_key = TRY(read_pem(tls.key));
    return grpc::SslCredentials(options);
}

grpc::ChannelArguments channel_arguments() {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, reconnect_pause_first_ms);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, reconnect_pause_last_ms);
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, reconnect_pause_last_ms);
    arguments.SetInt(GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH, -1);
    // Which try may be repeated is ours to decide.
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return arguments;
}

std::string target_of(const std::string& endpoint) {
    const auto address = SocketAddress::parse(endpoint);
    if (!address) return "dns:///" + endpoint;
    return (address->ip.family == AddressFamily::V4 ? "ipv4:" : "ipv6:") + endpoint;
}

grpc::ByteBuffer buffer_of(const std::string& bytes) {
    const grpc::Slice slice(bytes);
    return grpc::ByteBuffer(&slice, 1);
}

std::string bytes_of(const grpc::ByteBuffer& buffer) {
    std::vector<grpc::Slice> slices;
    if (!buffer.Dump(&slices).ok()) return {};
    std::string bytes;
    bytes.reserve(buffer.Length());
    for (const grpc::Slice& slice : slices)
        bytes.append(reinterpret_cast<const char*>(slice.begin()), slice.size());
    return bytes;
}

RpcEnd end_of(const grpc::Status& status) {
    return {static_cast<RpcCode>(status.error_code()), status.error_message()};
}

}  // namespace

struct RpcClient::State : std::enable_shared_from_this<RpcClient::State> {
    struct Endpoint {
        std::shared_ptr<grpc::Channel> channel;
        std::unique_ptr<grpc::GenericStub> stub;
    };
    struct Arrival {
        Tag* tag;
        bool ok;
    };
    struct Unary;

    explicit State(Reactor& on) : reactor(on) {}
    void poll();
    void deliver();
    void close();

    Reactor& reactor;
    std::vector<Endpoint> endpoints;
    grpc::CompletionQueue queue;
    std::thread poller;
    std::mutex mutex;
    std::vector<Arrival> arrived;  // guarded by mutex
    std::unordered_set<Unary*> calls;
    std::unordered_set<RpcStream::Body*> streams;
};

struct RpcClient::State::Unary final : Tag {
    State* owner;
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncResponseReader> reader;
    grpc::ByteBuffer response;
    grpc::Status status;
    Done done;

    void on_event(bool) override {
        const std::unique_ptr<Unary> self(this);
        owner->calls.erase(this);
        done(end_of(status), status.ok() ? bytes_of(response) : std::string());
    }
};

// One tag for each kind of operation, of which one at a time is begun. The body lives until its
// owner has let go of it and gRPC has given all tags back.
struct RpcStream::Body {
    enum class Kind { Start, Read, Write, Finish };
    struct Step final : Tag {
        Body* body = nullptr;
        Kind kind = Kind::Start;
        bool begun = false;
        void on_event(bool ok) override {
            begun = false;
            body->on_step(kind, ok);
        }
    };

    explicit Body(RpcClient::State* client) : owner(client) {
        for (size_t i = 0; i < std::size(steps); ++i) {
            steps[i].body = this;
            steps[i].kind = static_cast<Kind>(i);
        }
    }
    Tag* begin(Kind kind) {
        Step& step = steps[static_cast<size_t>(kind)];
        CHECK(!step.begun);
        step.begun = true;
        return &step;
    }
    bool is_begun(Kind kind) const { return steps[static_cast<size_t>(kind)].begun; }
    void on_step(Kind kind, bool ok);
    void on_read(bool ok);
    void on_finish();
    void write_next();
    void finish();
    void let_go();
    void drop_if_idle();

    RpcClient::State* owner;
    Events events;
    bool let_go_of = false;
    bool writable = false;
    grpc::ClientContext context;
    std::unique_ptr<grpc::GenericClientAsyncReaderWriter> stream;
    grpc::ByteBuffer incoming;
    grpc::Status status;
    std::deque<std::string> outgoing;
    Step steps[4];
};

void RpcClient::State::poll() {
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
        bool first = false;
        {
            const std::lock_guard lock(mutex);
            first = arrived.empty();
            arrived.push_back({static_cast<Tag*>(tag), ok});
        }
        if (!first) continue;
        reactor.post([weak = weak_from_this()] {
            if (const auto self = weak.lock()) self->deliver();
        });
    }
}

void RpcClient::State::deliver() {
    std::vector<Arrival> batch;
    {
        const std::lock_guard lock(mutex);
        batch.swap(arrived);
    }
    const auto keep = shared_from_this();
    for (const Arrival& arrival : batch) arrival.tag->on_event(arrival.ok);
}

// gRPC gives back every tag before the queue has ended; only then may what they point to go.
void RpcClient::State::close() {
    for (Unary* call : calls) call->context.TryCancel();
    for (RpcStream::Body* stream : streams) stream->context.TryCancel();
    queue.Shutdown();
    poller.join();
    for (Unary* call : calls) delete call;
    for (RpcStream::Body* stream : streams) delete stream;
    calls.clear();
    streams.clear();
    arrived.clear();
}

RpcClient::RpcClient(std::shared_ptr<State> state) : state_(std::move(state)) {}

RpcClient::~RpcClient() {
    state_->close();
}

Result<std::unique_ptr<RpcClient>> RpcClient::open(Reactor& reactor,
                                                   const std::vector<std::string>& endpoints,
                                                   const EtcdTlsFiles& tls) {
    // gRPC would write to stderr what the status of a call says, too.
    gpr_set_log_function([](gpr_log_func_args*) {});
    const auto credentials = TRY(credentials_of(tls));
    auto state = std::make_shared<State>(reactor);
    for (const std::string& endpoint : endpoints) {
        auto channel =
            grpc::CreateCustomChannel(target_of(endpoint), credentials, channel_arguments());
        auto stub = std::make_unique<grpc::GenericStub>(channel);
        state->endpoints.push_back({std::move(channel), std::move(stub)});
    }
    state->poller = std::thread([raw = state.get()] { raw->poll(); });
    return std::unique_ptr<RpcClient>(new RpcClient(std::move(state)));
}

size_t RpcClient::endpoint_count() const {
    return state_->endpoints.size();
}

bool RpcClient::is_ready(size_t endpoint) {
    return state_->endpoints.at(endpoint).channel->GetState(true) == GRPC_CHANNEL_READY;
}

void RpcClient::call(RpcCall call, Done done) {
    auto unary = std::make_unique<State::Unary>();
    unary->owner = state_.get();
    unary->done = std::move(done);
    unary->context.set_deadline(
        std::chrono::system_clock::now() +
        std::chrono::duration_cast<std::chrono::microseconds>(call.deadline));
    if (call.leader == Leader::Needed) unary->context.AddMetadata("hasleader", "true");
    unary->reader = state_->endpoints.at(call.endpoint)
                        .stub->PrepareUnaryCall(&unary->context, call.method,
                                                buffer_of(call.request), &state_->queue);
    unary->reader->StartCall();
    Tag* tag = unary.get();
    unary->reader->Finish(&unary->response, &unary->status, tag);
    state_->calls.insert(unary.release());
}

void RpcStream::Body::on_step(Kind kind, bool ok) {
    switch (kind) {
        case Kind::Start:
            if (let_go_of || !ok) return finish();
            writable = true;
            stream->Read(&incoming, begin(Kind::Read));
            return write_next();
        case Kind::Read:
            return on_read(ok);
        case Kind::Write:
            // When a write fails, the read that is always under way fails as well and ends it.
            writable = ok;
            if (ok && !let_go_of) write_next();
            return drop_if_idle();
        case Kind::Finish:
            return on_finish();
    }
}

// on_end may let go of us: the step counts as begun until it has returned.
void RpcStream::Body::on_finish() {
    Tag* finished = begin(Kind::Finish);
    if (!let_go_of) events.on_end(end_of(status));
    static_cast<Step*>(finished)->begun = false;
    drop_if_idle();
}

void RpcStream::Body::on_read(bool ok) {
    if (!ok || let_go_of) return finish();
    std::string message = bytes_of(incoming);
    stream->Read(&incoming, begin(Kind::Read));
    events.on_message(std::move(message));
}

void RpcStream::Body::write_next() {
    if (!writable || is_begun(Kind::Write) || outgoing.empty()) return;
    const std::string message = std::move(outgoing.front());
    outgoing.pop_front();
    stream->Write(buffer_of(message), begin(Kind::Write));
}

// Not cancelled: a stream that the other side has ended has a status.
void RpcStream::Body::finish() {
    writable = false;
    stream->Finish(&status, begin(Kind::Finish));
}

void RpcStream::Body::let_go() {
    let_go_of = true;
    context.TryCancel();
    drop_if_idle();
}

void RpcStream::Body::drop_if_idle() {
    if (!let_go_of) return;
    for (const Step& step : steps)
        if (step.begun) return;
    owner->streams.erase(this);
    delete this;
}

RpcStream::RpcStream(RpcClient& client, size_t endpoint, const char* method, Events events)
    : body_(new Body(client.state_.get())) {
    body_->events = std::move(events);
    body_->context.AddMetadata("hasleader", "true");
    body_->stream = client.state_->endpoints.at(endpoint).stub->PrepareCall(&body_->context, method,
                                                                            &client.state_->queue);
    body_->stream->StartCall(body_->begin(Body::Kind::Start));
    client.state_->streams.insert(body_);
}

RpcStream::~RpcStream() {
    body_->let_go();
}

void RpcStream::write(std::string message) {
    body_->outgoing.push_back(std::move(message));
    body_->write_next();
}

}  // namespace tandem::runtime
