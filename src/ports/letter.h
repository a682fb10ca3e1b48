// A request to the store is a letter to kKeyValue. The answer's Reply::id equals the Request::id;
// ids of requests, watches and leases need to be unique for one sender only.
//
// Letters: the one way in which role instances talk to one another and to the runtime. In a node a
// letter is moved; between nodes it is encoded (proto/letter.proto). Nobody can tell the
// difference.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/instant.h"
#include "base/rng.h"
#include "ports/address.h"
#include "ports/call_port.h"
#include "ports/group_port.h"
#include "ports/join_port.h"
#include "ports/media_port.h"
#include "ports/payload_list.h"
#include "ports/registrar_port.h"
#include "ports/sip_port.h"
#include "ports/token.h"
#include "ports/trunk_port.h"
#include "ports/web_port.h"
#include "store/kv.h"

namespace tandem::store {
class Catalog;
}

namespace tandem::ports {

// The addressed instance is gone or cannot be reached: the answer to a letter that expected one.
struct Unreachable {
    Instance who;
};
// One line for the journal. Secrets never go here.
struct LogLine {
    enum class Level : uint8_t { Debug, Info, Warn, Error };
    Level level = Level::Info;
    std::string text;  // a sentence
    std::string call;  // call id, domain and account where known
    std::string domain;
};
// A SIP message as it crossed the border, for HEP export.
struct SipTrace {
    UtcTime at;
    bool received = true;
    Transport transport = Transport::Udp;
    SocketAddress local;
    SocketAddress remote;
    std::string bytes;
    std::string correlation;  // call id of ours, when known
};

using Payloads = PayloadList<
    // SIP
    SipInbound, SipOutbound, SipUndeliverable, PacketIn, PacketOut, FlowClosed, PacketFailed,
    ListenerOpen, ListenerOpened, ListenerClose, ListenerFailed, TlsPeer, TlsFailed,
    // registrar
    BindingsQuery, BindingsReply, BindingsList, BindingsPage, BindingRemove, BindingRemoved,
    MessageKeep, MessageKept, MessageDeliver, MessageDelivered, AccountFollow, AccountStanding,
    // trunks
    TrunkQuery, TrunkReply, TrunkWaySilent, TrunkStatesQuery, TrunkStates, ResolveQuery,
    ResolveReply,
    // media
    MediaPlace, MediaPlaced, MediaRequest, MediaReply, MediaStatisticsQuery, MediaEvent, MediaLoad,
    MediaReconcile, MediaPortOpen, MediaPortClose, MediaPortFailed,
    // calls
    CallReport, CallReportAll, CallReportWanted, CallsQuery, CallsPage, CallDetailQuery, CallDetail,
    CallHangup, CallHangupDone, CallTraceQuery, CallTrace, RingingQuery, ReplacedQuery,
    ReplacedFound, CallReplaced, LeaseAsk, LeaseGiven, LeaseReturned, LeaseRecalled, LeaseReport,
    CallEventsFollow, CallEvents,
    // queues
    QueueAdvice, QueuesQuery, QueueStates, QueueAgentsFreed, GroupNews,
    // web, entities, history, operation
    HttpRequest, HttpResponse, HttpPart, HttpTaken, HttpListenerOpen, HttpListenerClose,
    HttpListenerFailed, EntityRequest, EntityReply, AuditNote, PasswordCheck, PasswordChecked,
    AuditQuery, AuditPage, RouteTest, RouteTestReply, HistoryQuery, HistoryPage, HistoryAppend,
    HistoryAppended, HistoryErase, HistoryErased, StatusQuery, StatusReply, HarmRequest, HarmReply,
    LogLevelSet, LogLine, SipTrace,
    // servers that join
    JoinTokenQuery, JoinTokenReply, ServerJoin, ServerJoined,
    // where the data of the site are
    StoreStateQuery, StoreMove, StoreState,
    // store
    store::Request, store::Reply, store::WatchBatch,
    // delivery
    Unreachable>;

// One of them: a variant whose copying, moving and destroying is compiled once (letter.cc). With a
// std::variant of so many alternatives each file that only passes a letter on took seconds longer.
class Payload {
 public:
    Payload() : Payload(Unreachable{}) {}
    template <typename T>
        requires(Payloads::contains<T>)
    Payload(T value) : index_(Payloads::index_of<T>) {  // NOLINT(google-explicit-constructor)
        std::construct_at(reinterpret_cast<T*>(bytes_), std::move(value));
    }
    Payload(Payload&& other) noexcept;
    Payload(const Payload& other);
    Payload& operator=(Payload&& other) noexcept;
    Payload& operator=(const Payload& other);
    ~Payload();

    size_t index() const { return index_; }  // in Payloads
    template <typename T>
    const T* get_if() const {
        return index_ == Payloads::index_of<T> ? reinterpret_cast<const T*>(bytes_) : nullptr;
    }
    template <typename T>
    T* get_if() {
        return const_cast<T*>(std::as_const(*this).template get_if<T>());
    }

 private:
    uint16_t index_;
    alignas(Payloads::align) std::byte bytes_[Payloads::size];
};
// The words of std::variant, so that a payload reads like any other one.
template <typename T>
const T* get_if(const Payload* payload) {
    return payload->get_if<T>();
}
template <typename T>
T* get_if(Payload* payload) {
    return payload->get_if<T>();
}
template <typename T>
bool holds_alternative(const Payload& payload) {
    return payload.get_if<T>() != nullptr;
}
template <typename T>
const T& get(const Payload& payload) {
    CHECK(holds_alternative<T>(payload));
    return *payload.get_if<T>();
}
template <typename T>
T& get(Payload& payload) {
    return const_cast<T&>(get<T>(std::as_const(payload)));
}
// Calls `visitor` with the value. Costs what std::visit costs to compile: for few places.
template <typename Visitor>
void visit(const Visitor& visitor, const Payload& payload) {
    Payloads::each([&]<typename T>() {
        if (const T* value = payload.get_if<T>()) visitor(*value);
    });
}

// Whether the payload asks for an answer, rather than being one or a notice.
bool is_question(const Payload& payload);

struct Letter {
    Instance from;
    Instance to;
    uint64_t request = 0;  // chosen by the asker, echoed by the answer; 0: no answer is expected
    Payload payload;
};

// What a role instance wants to have happen. Filled by value during one call, emptied by the host.
class Outbox {
 public:
    void send(Letter letter);
    template <typename T>
    void send(Instance from, Instance to, T payload, uint64_t request = 0) {
        send(Letter{from, to, request, Payload(std::move(payload))});
    }
    // Answers `question`.
    template <typename T>
    void reply(const Letter& question, T payload) {
        send(question.to, question.from, std::move(payload), question.request);
    }
    std::vector<Letter> take();
    std::vector<Letter>& letters() { return letters_; }
    bool empty() const { return letters_.empty(); }

 private:
    std::vector<Letter> letters_;
};

// What every role instance may read. Owned by the host; stays valid and changes only between calls.
struct Surroundings {
    Instance self;
    const Directory& directory;
    const store::Catalog& catalog;
    const TokenMint& tokens;
    Rng& rng;
    uint32_t epoch = 0;  // of this incarnation
    // Compared by each of its writes: that no other has taken over (fence/<instance>).
    std::vector<store::Compare> guards;
};

// A call that an instance took over from one that died.
struct AdoptedCall {
    CallId call;
    Instance victim;
    std::string snapshot;
};

// A role instance: a pure, single-threaded state machine.
class Role {
 public:
    virtual ~Role() = default;
    virtual RoleKind kind() const = 0;
    // Once, before any letter: asks for what it needs (snapshots, watches). A watch may end at any
    // time, by a batch that says Compacted: as the store does when history is gone, and the host
    // when the node that keeps the store was away.
    virtual void start(Now now, Outbox& out) = 0;
    virtual void on_letter(Now now, Letter letter, Outbox& out) = 0;
    virtual void on_timeout(Now now, Outbox& out) = 0;  // does nothing before next_deadline()
    virtual std::optional<Instant> next_deadline() const = 0;
    // The catalog has changed: settings of this instance or what it caches may be different.
    virtual void on_catalog(Now, Outbox&) {}
    // The directory has changed: instances came, went, or can be reached again.
    virtual void on_directory(Now, Outbox&) {}
    // Of an Active-Passive role: it is the active copy now, as the directory says, too. Each write
    // compares `guards` instead of those of the surroundings.
    virtual void on_elected(Now, const std::vector<store::Compare>&, Outbox&) {}
    // Of one that gives its post away, and is active no more: what it had begun is written. Of a
    // B2B that drains: all of its calls could go on elsewhere, as the store has them.
    virtual bool is_flushed() const { return true; }
    // Of a B2B: the call is ours now.
    virtual void on_adopted(Now, const AdoptedCall&, Outbox&) {}
    // Takes no new work; is_idle() says when what it had is done.
    virtual void drain(Now now, Outbox& out) = 0;
    virtual bool is_idle() const = 0;
    // Of an Active-Active role that is chosen by load: the share of what it can take that it has.
    virtual double load() const { return 0; }
    // Figures for /metrics and status: name and value, few and cheap.
    virtual std::vector<std::pair<std::string, double>> figures() const { return {}; }
};

}  // namespace tandem::ports
