#include "runtime/etcd/etcd_store.h"

#include <algorithm>
#include <set>
#include <utility>

#include "runtime/etcd/codec.h"
#include "runtime/etcd/limits.h"
#include "runtime/etcd/watch_stream.h"
#include "store/limits.h"

namespace tandem::runtime {
namespace {

using store::ReplyBody;
using store::RequestId;
using store::Revision;

// Reads of so few keys are answered as quickly as those of one.
constexpr size_t few_keys = 16;
// What a large transaction may take longer: 8 MiB/s are reached by any disk and network of a site.
constexpr size_t txn_bytes_per_ms = 8 * 1024;

bool is_large(const store::RangeRequest& request) {
    if (request.range.end.empty()) return false;
    return request.want == store::Want::Count || request.limit == 0 || request.limit > few_keys;
}

// One that changes nothing whichever branch is taken may be repeated.
bool is_read_only(const store::Txn& txn) {
    const auto is_get = [](const store::Op& op) { return std::holds_alternative<store::Get>(op); };
    return std::all_of(txn.then_ops.begin(), txn.then_ops.end(), is_get) &&
           std::all_of(txn.else_ops.begin(), txn.else_ops.end(), is_get);
}

// Not inline: g++ 12 warns of the members of the variant's other alternatives where it is.
[[gnu::noinline]] ReplyBody done_body(Revision revision) {
    return store::DoneReply{revision};
}

Error compacted() {
    return make_error(ErrorCode::NotFound, "revision", "the revision is compacted");
}

size_t bytes_of(const store::RangeReply& reply) {
    size_t total = 0;
    for (const auto& item : reply.items) total += item.key.size() + item.value.size();
    return total;
}

// So many keys that the next page has about the size that we aim at.
int64_t next_page_keys(int64_t keys, size_t bytes) {
    const auto fitting =
        static_cast<int64_t>(static_cast<double>(keys) * static_cast<double>(etcd_page_bytes_aim) /
                             static_cast<double>(std::max<size_t>(bytes, 1)));
    return std::clamp(std::min(fitting, 8 * keys), etcd_page_keys_min, etcd_page_keys_max);
}

}  // namespace

struct EtcdStore::State : std::enable_shared_from_this<EtcdStore::State> {
    // A range that is read page by page, all pages at the revision of the first.
    struct PagedRead {
        RequestId id = 0;
        store::RangeRequest request;
        store::RangeRequest page;
        store::RangeReply reply;
        int64_t page_keys = etcd_page_keys_first;
        int restarts = 0;
    };

    State(Reactor& on, std::unique_ptr<RpcClient> connected, uint32_t number, std::string closed,
          Tell to)
        : reactor(on),
          tell(std::move(to)),
          generation(number),
          closed_key(std::move(closed)),
          client(std::move(connected)),
          exchange(on, *client),
          watches(on, *client, exchange,
                  [this](std::vector<store::WatchBatch> batches) { say(std::move(batches)); }) {}

    void reply(RequestId id, Result<ReplyBody> body);
    void done(RequestId id, int64_t number);
    void say(std::vector<store::WatchBatch> batches);
    void flush_soon();
    void flush();

    void take(RequestId id, store::RangeRequest request);
    void take(RequestId id, store::Txn txn);
    void guard_txn(store::Txn& txn) const;
    static std::string take_closed(store::TxnReply& answer);
    void take(RequestId id, const store::LeaseGrant& grant);
    void take(RequestId id, const store::LeaseRevoke& revoke);
    void take(RequestId id, const store::LeaseKeepAlive& keep_alive);
    void take(RequestId id, store::WatchCreate create);
    void take(RequestId id, const store::WatchCancel& cancel);
    void take(RequestId id, const store::Compact& compact);

    void begin_read(std::unique_ptr<PagedRead> read);
    void read_page(std::unique_ptr<PagedRead> read);
    void on_page(std::unique_ptr<PagedRead> read, Result<std::string> bytes);
    void ask_newest(std::move_only_function<void(Result<Revision>)> then);
    void on_newest(RequestId id, store::WatchCreate create, const Result<Revision>& now);
    void confirm_compacted(RequestId id, Revision through);
    // Asks something whose answer is a header alone.
    void ask_done(RequestId id, EtcdQuestion question);

    Reactor& reactor;
    Tell tell;
    uint32_t generation;
    std::string closed_key;
    Guard guard = Guard::Open;  // of the request that is being taken
    std::unique_ptr<RpcClient> client;
    Exchange exchange;
    WatchStream watches;
    std::set<store::WatchId> creating;  // watches whose first revision is being read
    int64_t newest = 0;                 // the highest revision that was heard of
    store::Outbox out;
    bool flushing = false;
};

// Answering.

void EtcdStore::State::reply(RequestId id, Result<ReplyBody> body) {
    out.replies.push_back({id, std::move(body)});
    flush_soon();
}

void EtcdStore::State::done(RequestId id, int64_t number) {
    newest = std::max(newest, number);
    reply(id, done_body({generation, newest}));
}

void EtcdStore::State::say(std::vector<store::WatchBatch> batches) {
    for (auto& batch : batches) out.watches.push_back(std::move(batch));
    flush_soon();
}

// What one turn brought leaves together.
void EtcdStore::State::flush_soon() {
    if (std::exchange(flushing, true)) return;
    reactor.post([weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->flush();
    });
}

void EtcdStore::State::flush() {
    flushing = false;
    tell(std::exchange(out, {}));
}

// Reading.

void EtcdStore::State::take(RequestId id, store::RangeRequest request) {
    if (!request.at.is_none() && request.at.generation != generation) return reply(id, compacted());
    if (is_large(request)) {
        auto read = std::make_unique<PagedRead>();
        read->id = id;
        read->request = std::move(request);
        return begin_read(std::move(read));
    }
    EtcdQuestion question;
    question.method = etcd::method::range;
    question.request = etcd::encode_range(request);
    exchange.ask(std::move(question),
                 [this, id, request = std::move(request)](Result<std::string> bytes) {
                     if (!bytes) return reply(id, bytes.error());
                     auto range = etcd::decode_range(*bytes, request, generation);
                     if (!range) return reply(id, range.error());
                     newest = std::max(newest, range->revision.number);
                     reply(id, ReplyBody(std::move(*range)));
                 });
}

// The newest revision: what the cluster agrees on is asked for once and quickly.
void EtcdStore::State::ask_newest(std::move_only_function<void(Result<Revision>)> then) {
    EtcdQuestion question;
    question.method = etcd::method::range;
    question.request = etcd::encode_range({});
    exchange.ask(std::move(question),
                 [this, then = std::move(then)](Result<std::string> bytes) mutable {
                     if (!bytes) return then(bytes.error());
                     const auto number = etcd::decode_header(*bytes);
                     if (!number) return then(number.error());
                     newest = std::max(newest, *number);
                     then(Revision{generation, *number});
                 });
}

// A past revision is the same at every member: its pages are read from any that has come so far,
// without the others.
void EtcdStore::State::begin_read(std::unique_ptr<PagedRead> read) {
    ask_newest([this, read = std::move(read)](Result<Revision> now) mutable {
        if (!now) return reply(read->id, now.error());
        if (read->request.at.number > now->number)
            return reply(read->id, make_error(ErrorCode::OutOfRange, "revision",
                                              "the revision does not exist yet"));
        read->page = read->request;
        if (read->page.at.is_none()) read->page.at = *now;
        read->reply = {};
        read_page(std::move(read));
    });
}

void EtcdStore::State::read_page(std::unique_ptr<PagedRead> read) {
    const size_t missing =
        read->request.limit == 0 ? SIZE_MAX : read->request.limit - read->reply.items.size();
    read->page.limit = std::min(missing, static_cast<size_t>(read->page_keys));
    EtcdQuestion question;
    question.method = etcd::method::range;
    question.request = etcd::encode_range(read->page, etcd::Source::Any);
    question.try_max = etcd_page_try;
    question.answer_max = etcd_page_max;
    question.lag = Lag::IsWaitedFor;
    exchange.ask(std::move(question),
                 [this, read = std::move(read)](Result<std::string> bytes) mutable {
                     on_page(std::move(read), std::move(bytes));
                 });
}

void EtcdStore::State::on_page(std::unique_ptr<PagedRead> read, Result<std::string> bytes) {
    const RequestId id = read->id;
    if (!bytes) {
        // The newest state was compacted between two pages: it is not the newest any more.
        const bool lost = bytes.error().code == ErrorCode::NotFound && read->request.at.is_none();
        if (lost && ++read->restarts <= etcd_range_restarts_max) return begin_read(std::move(read));
        return reply(id, bytes.error());
    }
    auto page = etcd::decode_range(*bytes, read->page, generation);
    if (!page) return reply(id, page.error());
    newest = std::max(newest, page->revision.number);
    read->page_keys = next_page_keys(read->page_keys, bytes_of(*page));
    store::RangeReply& whole = read->reply;
    whole.revision = page->revision;
    whole.more = page->more;
    whole.count += page->count;
    std::move(page->items.begin(), page->items.end(), std::back_inserter(whole.items));
    const bool full = read->request.limit != 0 && whole.items.size() >= read->request.limit;
    if (!whole.more || full || whole.items.empty()) return reply(id, ReplyBody(std::move(whole)));
    read->page.at = whole.revision;
    read->page.range.begin = whole.items.back().key + '\0';
    read_page(std::move(read));
}

// Transactions.

// Beyond the limits of the contract, as etcd's own are one higher: the guard is nobody's business.
void EtcdStore::State::guard_txn(store::Txn& txn) const {
    txn.compares.push_back(store::Compare::absent(closed_key));
    txn.else_ops.push_back(store::Get{{store::KeyRange::one(closed_key), 1, {}, {}}});
}

// What a guarded transaction has read of the key, taken out of its answer; empty: it is open.
std::string EtcdStore::State::take_closed(store::TxnReply& answer) {
    if (answer.succeeded || answer.ops.empty()) return {};
    const store::OpReply read = std::move(answer.ops.back());
    answer.ops.pop_back();
    const auto* range = std::get_if<store::RangeReply>(&read);
    return range == nullptr || range->items.empty() ? std::string() : range->items.front().value;
}

void EtcdStore::State::take(RequestId id, store::Txn txn) {
    if (const auto checked = store::check_txn(txn); !checked) return reply(id, checked.error());
    const bool repeats = is_read_only(txn);
    const bool guarded = guard == Guard::Open && !closed_key.empty() && !repeats;
    if (guarded) guard_txn(txn);
    EtcdQuestion question;
    question.method = etcd::method::txn;
    question.request = etcd::encode_txn(txn, generation);
    question.repeat = repeats ? Repeat::Safe : Repeat::Unsafe;
    question.try_max =
        etcd_txn_try + std::chrono::milliseconds(question.request.size() / txn_bytes_per_ms);
    exchange.ask(std::move(question),
                 [this, id, guarded, txn = std::move(txn)](Result<std::string> bytes) {
                     if (!bytes) return reply(id, bytes.error());
                     auto answer = etcd::decode_txn(*bytes, txn, generation);
                     if (!answer) return reply(id, answer.error());
                     newest = std::max(newest, answer->revision.number);
                     const std::string closed = guarded ? take_closed(*answer) : std::string();
                     if (!closed.empty())
                         return reply(id, make_error(ErrorCode::Unavailable, "closed", closed));
                     reply(id, ReplyBody(std::move(*answer)));
                 });
}

// Leases.

void EtcdStore::State::ask_done(RequestId id, EtcdQuestion question) {
    exchange.ask(std::move(question), [this, id](Result<std::string> bytes) {
        if (!bytes) return reply(id, bytes.error());
        const auto revision = etcd::decode_header(*bytes);
        if (!revision) return reply(id, revision.error());
        done(id, *revision);
    });
}

void EtcdStore::State::take(RequestId id, const store::LeaseGrant& grant) {
    if (grant.lease == 0)
        return reply(id, make_error(ErrorCode::Conflict, "lease", "the lease exists already"));
    if (grant.ttl < store::lease_ttl_min || grant.ttl > store::lease_ttl_max)
        return reply(id,
                     make_error(ErrorCode::OutOfRange, "ttl", "a lease lasts from 1 s to a day"));
    EtcdQuestion question;
    question.method = etcd::method::lease_grant;
    question.request = etcd::encode_lease_grant(grant);
    question.repeat = Repeat::Unsafe;
    question.try_max = etcd_txn_try;
    ask_done(id, std::move(question));
}

void EtcdStore::State::take(RequestId id, const store::LeaseRevoke& revoke) {
    EtcdQuestion question;
    question.method = etcd::method::lease_revoke;
    question.request = etcd::encode_lease_revoke(revoke.lease);
    question.repeat = Repeat::Unsafe;
    question.try_max = etcd_txn_try;
    ask_done(id, std::move(question));
}

void EtcdStore::State::take(RequestId id, const store::LeaseKeepAlive& keep_alive) {
    EtcdQuestion question;
    question.method = etcd::method::lease_keep_alive;
    question.request = etcd::encode_lease_keep_alive(keep_alive.lease);
    exchange.ask(std::move(question), [this, id](Result<std::string> bytes) {
        if (!bytes) return reply(id, bytes.error());
        const auto revision = etcd::decode_lease_keep_alive(*bytes);
        if (!revision) return reply(id, revision.error());
        done(id, *revision);
    });
}

// Watches and history.

// "From now on" is a revision that is read first, so that the watch can be begun anew from there
// however often its stream breaks.
void EtcdStore::State::take(RequestId id, store::WatchCreate create) {
    if (watches.contains(create.watch) || creating.contains(create.watch))
        return reply(id, make_error(ErrorCode::Conflict, "watch", "the watch exists already"));
    if (watches.size() + creating.size() >= store::watches_max)
        return reply(id, make_error(ErrorCode::TooLarge, "watch", "there are too many watches"));
    creating.insert(create.watch);
    ask_newest([this, id, create = std::move(create)](const Result<Revision>& now) mutable {
        on_newest(id, std::move(create), now);
    });
}

void EtcdStore::State::on_newest(RequestId id, store::WatchCreate create,
                                 const Result<Revision>& now) {
    const bool wanted = creating.erase(create.watch) != 0;
    if (!now) return reply(id, now.error());
    const bool from_now = create.after.is_none();
    const bool foreign = !from_now && create.after.generation != generation;
    if (!from_now && !foreign && create.after.number > now->number)
        return reply(
            id, make_error(ErrorCode::OutOfRange, "revision", "the revision does not exist yet"));
    done(id, now->number);
    if (foreign) return say({{create.watch, store::WatchBatch::Kind::Compacted, *now, {}}});
    if (wanted)
        watches.create(create.watch, std::move(create.range), from_now ? *now : create.after);
}

void EtcdStore::State::take(RequestId id, const store::WatchCancel& cancel) {
    if (watches.contains(cancel.watch)) {
        watches.cancel(cancel.watch);
    } else if (creating.erase(cancel.watch) == 0) {
        return reply(id, make_error(ErrorCode::NotFound, "watch", "the watch does not exist"));
    }
    done(id, newest);
}

void EtcdStore::State::take(RequestId id, const store::Compact& compact) {
    if (compact.through.generation != generation) return reply(id, compacted());
    EtcdQuestion question;
    question.method = etcd::method::compact;
    question.request = etcd::encode_compact(compact.through.number);
    exchange.ask(std::move(question),
                 [this, id, through = compact.through](Result<std::string> bytes) {
                     if (bytes) return done(id, through.number);
                     if (bytes.error().code == ErrorCode::NotFound)
                         return confirm_compacted(id, through);
                     reply(id, bytes.error());
                 });
}

// etcd refuses to compact up to where it has been compacted; here that is done already. One try
// more than it looks: the first may have been applied without an answer.
void EtcdStore::State::confirm_compacted(RequestId id, Revision through) {
    store::RangeRequest request;
    request.at = through;
    EtcdQuestion question;
    question.method = etcd::method::range;
    question.request = etcd::encode_range(request);
    ask_done(id, std::move(question));
}

EtcdStore::EtcdStore(std::shared_ptr<State> state) : state_(std::move(state)) {}
EtcdStore::~EtcdStore() = default;

Result<std::unique_ptr<EtcdStore>> EtcdStore::open(Reactor& reactor, EtcdOptions options,
                                                   Tell tell) {
    if (options.endpoints.empty())
        return make_error(ErrorCode::Missing, "endpoints", "at least one member must be named");
    auto client = TRY(RpcClient::open(reactor, options.endpoints, options.tls));
    auto state = std::make_shared<State>(reactor, std::move(client), options.generation,
                                         std::move(options.closed_key), std::move(tell));
    return std::unique_ptr<EtcdStore>(new EtcdStore(std::move(state)));
}

void EtcdStore::send(store::Request request, Guard guard) {
    state_->guard = guard;
    std::visit([&](auto& body) { state_->take(request.id, std::move(body)); }, request.body);
}

Result<void> EtcdStore::set_endpoints(std::vector<std::string> endpoints, EtcdTlsFiles tls) {
    if (endpoints.empty())
        return make_error(ErrorCode::Missing, "endpoints", "at least one member must be named");
    auto client = TRY(RpcClient::open(state_->reactor, endpoints, tls));
    state_->watches.use(*client);
    state_->exchange.use(*client);
    state_->watches.go_on();
    std::swap(state_->client, client);
    return {};
}

void EtcdStore::set_generation(uint32_t generation) {
    state_->generation = generation;
    state_->watches.end_all();
}

EtcdCounters EtcdStore::counters() const {
    return state_->exchange.counters();
}

}  // namespace tandem::runtime
