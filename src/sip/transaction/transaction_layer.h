// All transactions of one shard of a role: which message belongs to which, when each must act.
//
// Pure: the owner feeds messages and time, and empties a LayerOutbox after each call. The owner
// makes branches of the keys that it finds there (TokenMint, kind Branch, unique = key.value), and
// gives the key back with the response (SipInbound::owner_key) or failure (SipUndeliverable).
// RFC 3261 8.2.2.2, 9, 17; RFC 6026; RFC 4320.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/crypto.h"
#include "base/instant.h"
#include "base/timer_queue.h"
#include "sip/message.h"
#include "sip/transaction/envelope.h"
#include "sip/transaction/invite_client.h"
#include "sip/transaction/invite_server.h"
#include "sip/transaction/limits.h"
#include "sip/transaction/non_invite_client.h"
#include "sip/transaction/non_invite_server.h"
#include "sip/transaction/timers.h"

namespace tandem::sip {

// A client transaction. A CANCEL has the key of its INVITE (RFC 3261 9.1) and is the layer's own.
struct ClientKey {
    uint64_t value = 0;
    friend auto operator<=>(const ClientKey&, const ClientKey&) = default;
    explicit operator bool() const { return value != 0; }
};
// A server transaction.
struct ServerKey {
    uint64_t value = 0;
    friend auto operator<=>(const ServerKey&, const ServerKey&) = default;
    explicit operator bool() const { return value != 0; }
};
// Whom the owner wants to be told of a transaction: its own number, of a leg for instance. 0: none.
using UserKey = uint64_t;

// A message to put into a SipOutbound.
struct Outbound {
    Message message;
    Envelope envelope;
    ClientKey branch;  // requests: what the branch is made of; nil in responses
};

struct LayerEvent {
    enum class Kind : uint8_t {
        Timeout,           // client: act as on a 408 response
        TransportError,    // client: act as on a 503 (or on `status`)
        ClientTerminated,  // nothing more will come of `client`
        AckTimeout,        // server: a failure response was never ACKed
        ServerTerminated,  // `server` is gone; an INVITE's 2xx need not be repeated any longer
    };
    Kind kind = Kind::Timeout;
    ClientKey client;
    ServerKey server;
    UserKey user = 0;
    Method method = Method::Other;  // of the transaction: Invite, or Other for the rest
    int status = 0;                 // TransportError: 503, or 430 when the flow failed
};

struct LayerOutbox {
    std::vector<Outbound> messages;
    std::vector<LayerEvent> events;
    bool empty() const { return messages.empty() && events.empty(); }
    void clear() {
        messages.clear();
        events.clear();
    }
};

// What on_request() found.
struct RequestArrival {
    enum class Kind : uint8_t {
        Absorbed,   // a retransmission, an ACK to a failure, a refusal: answered already
        Request,    // a new request: respond() to `server`, once final. The layer answers an INVITE
                    // with 100 by itself after 200 ms
        Ack,        // an ACK for a 2xx: no transaction. Find the dialog
        Cancelled,  // `server` (of the INVITE) and its user: answer it with 487. The CANCEL has got
                    // its 200. Not reported when the INVITE has its final response already
    };
    Kind kind = Kind::Absorbed;
    ServerKey server;
    UserKey user = 0;  // as adopt() told; 0 for new requests
};

// What on_response() found.
struct ResponseArrival {
    enum class Kind : uint8_t {
        Absorbed,
        Response,  // for `user`: every provisional, the final response, and every 2xx to an INVITE
        Stray,     // no transaction. A 2xx to an INVITE needs ACK and BYE, all else nothing
    };
    Kind kind = Kind::Absorbed;
    ClientKey client;
    UserKey user = 0;
};

struct LayerSettings {
    Timers timers;
    SipHashKey hash_key;     // random for each layer
    uint64_t first_key = 1;  // random for each layer: keys count up from it and are never 0
    size_t transactions_max = sip::transactions_max;
};

struct LayerCounters {
    uint64_t requests_in = 0;
    uint64_t responses_in = 0;
    uint64_t requests_out = 0;  // without retransmissions
    uint64_t responses_out = 0;
    uint64_t retransmissions_in = 0;
    uint64_t retransmissions_out = 0;
    uint64_t merged = 0;   // 482
    uint64_t refused = 0;  // 503 of our own
    uint64_t timeouts = 0;
    uint64_t strays = 0;
};

struct LayerSnapshot;

class TransactionLayer {
 public:
    explicit TransactionLayer(const LayerSettings& settings);

    // A validated request that came by `hop`. Kind::Request makes a server transaction (none for
    // ACK).
    RequestArrival on_request(Instant now, const Message& request, const Hop& hop,
                              LayerOutbox& out);
    // A validated response whose branch named `key`.
    ResponseArrival on_response(Instant now, ClientKey key, const Message& response,
                                LayerOutbox& out);
    // A request of ours could not be sent (430 or 503). An event follows if anyone waits for it.
    void on_undeliverable(Instant now, ClientKey key, int status, LayerOutbox& out);
    // Connections are gone, with the gate that had them: what waits for an answer over one waits no
    // longer (430). First INVITEs go on, as who rings may answer by another way (RFC 3261 18.2.2).
    void on_connections_lost(Instant now, const std::function<bool(const Hop&)>& is_lost,
                             LayerOutbox& out);

    // Server side. Responses go to the hop of the request. Ignored when the transaction is gone,
    // and dropped when its state has no room for the response (see InviteServerTransaction).
    void respond(Instant now, ServerKey server, Message response, const OurContact& contact,
                 LayerOutbox& out);
    void adopt(ServerKey server, UserKey user);  // who is told of its CANCEL and its end
    bool is_open(ServerKey server) const;        // still without a final response
    const Hop* hop_of(ServerKey server) const;   // nullptr: gone
    void forget(ServerKey server);               // another layer answers it

    // Client side. Nil key: the layer is full, nothing was sent (act as on 503).
    ClientKey send_request(Instant now, Message request, Envelope envelope, UserKey user,
                           LayerOutbox& out);
    // An INVITE that a former incarnation sent with the same key, and that may still ring:
    // responses to it come here, and it can be cancelled. Over UDP it is sent again, as its phone
    // may not have heard it, and answers with what it answered before (RFC 3261 17.2.1).
    struct SentInvite {
        ClientKey key;
        Message invite;
        Envelope envelope;
        UserKey user = 0;
    };
    void resume_invite(Instant now, SentInvite sent, LayerOutbox& out);
    // The ACK of a 2xx, which has no transaction: sent with a branch of its own. To send it again,
    // give the same key again.
    ClientKey send_ack(Message ack, Envelope envelope, LayerOutbox& out, ClientKey again = {});
    // Cancels an INVITE: at once, on its first provisional, or never if it is answered first.
    // `reason`: value of the CANCEL's Reason header (RFC 3326), or empty. The end comes as a
    // response (487, or a 2xx that came first) or as Timeout. False: no such INVITE is pending.
    bool cancel(Instant now, ClientKey invite, std::string_view reason, LayerOutbox& out);

    void on_timeout(Instant now, LayerOutbox& out);
    std::optional<Instant> next_deadline() const { return queue_.next_deadline(); }

    size_t size() const { return clients_.size() + cancels_.size() + servers_.size(); }
    bool has_room_for_new_calls() const;
    const LayerCounters& counters() const { return counters_; }

    LayerSnapshot snapshot() const;
    static TransactionLayer restore(const LayerSettings& settings, LayerSnapshot snapshot);

 private:
    enum class Table : uint8_t { Client, Cancel, Server };
    struct TimerKey {
        uint64_t key;
        Table table;
    };
    struct Client {
        std::variant<InviteClientTransaction, NonInviteClientTransaction> machine;
        Envelope envelope;
        UserKey user = 0;
        std::string cancel_reason;
        std::optional<Instant> scheduled;  // the earliest entry in queue_
    };
    struct Server {
        std::variant<InviteServerTransaction, NonInviteServerTransaction> machine;
        Envelope envelope;
        UserKey user = 0;
        uint64_t merge_key = 0;
        std::string local_tag;
        std::optional<Instant> scheduled;
    };
    using Clients = std::unordered_map<uint64_t, Client>;
    using Servers = std::unordered_map<uint64_t, Server>;

    RequestArrival on_ack(Instant now, const Message& ack, LayerOutbox& out);
    RequestArrival on_cancel(const Message& cancel, const Hop& hop, LayerOutbox& out);
    void repeat_answer(Instant now, Servers::iterator it, LayerOutbox& out);
    Servers::iterator open_server(Instant now, const Message& request, const Hop& hop,
                                  uint64_t key);
    void answer_directly(const Message& request, int status, const Hop& hop, LayerOutbox& out);
    std::string own_tag(const Message& request) const;
    uint64_t new_key();
    void start_cancel(Instant now, uint64_t key, Client& invite, LayerOutbox& out);
    // Hands on what the machine put into scratch_, then drops it if it ended, or sets its alarm.
    void settle_client(Instant now, Table table, Clients::iterator it, LayerOutbox& out);
    void settle_server(Servers::iterator it, LayerOutbox& out);
    void fire(Instant now, TimerKey due, LayerOutbox& out);
    void fire_client(Instant now, TimerKey due, LayerOutbox& out);
    void fire_server(Instant now, TimerKey due, LayerOutbox& out);
    void schedule(std::optional<Instant>& scheduled, std::optional<Instant> deadline, TimerKey key);
    Clients& table_of(Table table) { return table == Table::Cancel ? cancels_ : clients_; }

    LayerSettings settings_;
    uint64_t next_key_ = 1;
    Clients clients_;
    Clients cancels_;
    Servers servers_;
    std::unordered_map<uint64_t, uint64_t> merges_;  // merge key -> server key
    TimerQueue<TimerKey> queue_;
    TransactionOutbox scratch_;
    int failure_status_ = 503;  // of the TransportError being told
    LayerCounters counters_;
};

}  // namespace tandem::sip
