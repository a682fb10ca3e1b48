// The lamps: who has subscribed to what, and the NOTIFYs. RFC 6665; the packages dialog (RFC 4235),
// presence (RFC 3856, 3863) with what phones publish (RFC 3903), message-summary (RFC 3842) and reg
// (RFC 3680).
//
// A B2B proves who subscribes and passes the SUBSCRIBE on; what comes within the dialog comes from
// the gates. A subscription is in the store before its 200. Each NOTIFY has the full state: at
// the beginning, at each refresh, after a switch of CS, and when something has changed; one is
// under way at a time, and what changes meanwhile is told by the next.
//
// Pure; a part of CallStateRole, on its shard.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/timer_queue.h"
#include "ports/letter.h"
#include "ports/lost_gates.h"
#include "roles/call_state/index.h"
#include "roles/call_state/publications.h"
#include "roles/call_state/standing.h"
#include "roles/call_state/subscribe_request.h"
#include "roles/call_state/subscription.h"
#include "sip/transaction/transaction_layer.h"
#include "store/writer.h"

namespace tandem::roles::call_state {

class Watchers {
 public:
    Watchers(const ports::Surroundings& around, const Index& index);

    // This copy is the active one now, or the domains that it has may be others: all are read anew.
    void begin(Now now, const std::vector<store::Compare>* guards, ports::Outbox& out);
    void end();  // it is not any more

    void on_sip(Now now, ports::Letter letter, ports::Outbox& out);
    void on_undeliverable(Now now, const ports::SipUndeliverable& failed, ports::Outbox& out);
    void on_directory(Now now, ports::Outbox& out);
    void on_bindings(Now now, uint64_t key, const ports::BindingsReply& reply, ports::Outbox& out);
    void on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out);
    void on_standing(Now now, ports::AccountStanding standing, ports::Outbox& out);
    void on_change(Now now, const ports::CallSummary* before, const ports::CallSummary* after,
                   ports::Outbox& out);
    void on_calls_known(Now now, ports::Outbox& out);
    void on_timeout(Now now, ports::Outbox& out);
    std::optional<Instant> next_deadline() const;

    bool empty() const { return subscriptions_.empty(); }
    size_t size() const { return subscriptions_.size(); }
    size_t publications() const { return publications_.size(); }
    uint64_t notified() const { return notified_; }
    bool is_flushed() const { return writer_.is_idle(); }

 private:
    struct Live {
        Subscription is;
        uint32_t version = 0;
        bool has_begun = false;  // it is in the store
        bool under_way = false;  // a NOTIFY
        bool is_due = false;     // something to tell
        bool is_over = false;    // the NOTIFY that is due, or under way, is the last
        Instant next_at;         // not before
        uint8_t unreached = 0;   // NOTIFYs in a row whose connection was gone
    };
    // Where an answer goes: to a server transaction of ours, or to the B2B that passed it on.
    struct Asker {
        sip::ServerKey server;
        ports::Instance b2b;
        uint64_t request = 0;
        ports::Flow flow;
    };
    struct Writing {
        Asker asker;
        sip::Message answer;
        uint64_t key = 0;
        uint32_t expires_s = 0;
        std::optional<Publication> published;  // none: it is a subscription
    };
    struct Watched {
        std::set<uint64_t> by;
        DomainId domain;
        Standing standing;
        std::optional<Instant> look_at;  // somebody wants to know of the standing
    };
    struct Asserted {  // who asks, as a B2B has proved
        DomainId domain;
        AccountId account;
    };
    enum class Phase : uint8_t { Passive, Reading, Serving };

    // watchers.cc
    void take_request(Now now, ports::Letter letter, ports::Outbox& out);
    bool pass_on(ports::Letter& letter, ports::Outbox& out);
    void on_subscribe(Now now, const ports::SipInbound& in, const Asker& asker, ports::Outbox& out);
    void subscribe(Now now, const ports::SipInbound& in, const SubscribeRequest& request,
                   const Asker& asker, ports::Outbox& out);
    void refresh(Now now, const ports::SipInbound& in, const SubscribeRequest& request,
                 const Asker& asker, ports::Outbox& out);
    std::optional<Asserted> asserted_in(const sip::Message& message) const;
    std::optional<AccountId> account_of(DomainId domain, const std::string& user) const;
    Result<Subscription> made_of(Now now, const ports::SipInbound& in,
                                 const SubscribeRequest& request) const;
    void save(Now now, Live& live, Writing writing, ports::Outbox& out);
    void on_saved(Now now, const Writing& done, bool is_saved, ports::Outbox& out);
    void answer(Now now, const Asker& asker, sip::Message response, uint64_t key,
                ports::Outbox& out);
    void refuse(Now now, const Asker& asker, const sip::Message& request, const Refused& why,
                ports::Outbox& out);
    Live* find_dialog(const sip::Message& message);
    void emit(ports::Outbox& out);

    // publish.cc
    void on_publish(Now now, const ports::SipInbound& in, const Asker& asker, ports::Outbox& out);
    void save_publication(Now now, Writing writing, ports::Outbox& out);
    void on_published(Now now, const Writing& done, bool is_saved, ports::Outbox& out);
    void keep_publication(Now now, Publication published);
    void arm_publications(Now now);
    void expire_publications(Now now, ports::Outbox& out);

    // notify_bodies.cc
    std::string body_of(Now now, const Live& live) const;
    std::string dialogs_body(const Live& live) const;
    std::string presence_body(const Live& live, const Watched& watched) const;
    std::vector<ports::CallSummary> calls_of(AccountId account) const;

    // notify.cc
    void tell(Now now, AccountId account, Package package, ports::Outbox& out);
    void note_due(Now now, Live& live);
    void notify(Now now, Live& live, ports::Outbox& out);
    sip::Message notification(Now now, const Live& live) const;
    void on_notified(Now now, uint64_t key, int status, ports::Outbox& out);
    void deliver_layer_events(Now now, ports::Outbox& out);
    void run(Now now, uint64_t key, ports::Outbox& out);
    void look_at_accounts(Now now, ports::Outbox& out);

    // lost_flows.cc
    bool look_for_flow(Now now, Live& live, ports::Outbox& out);

    // watchers_store.cc
    void read_page(Now now, std::string begin, ports::Outbox& out);
    void on_page(Now now, const store::RangeReply& page, ports::Outbox& out);
    bool take_stored(Now now, const store::KeyValue& item);
    bool is_ours(DomainId domain) const;
    void add(Now now, Live live);
    void forget(Now now, uint64_t key, ports::Outbox& out);  // from the store, too
    void drop(uint64_t key);
    void flush(Now now, store::WriterOutbox& box, ports::Outbox& out);
    store::RequestId next_id();

    const ports::Surroundings& around_;
    const Index& index_;
    sip::TransactionLayer layer_;
    sip::LayerOutbox wire_;
    store::Writer writer_;
    std::unordered_map<store::Ticket, Writing> writing_;
    std::unordered_map<uint64_t, Live> subscriptions_;
    std::unordered_map<std::string, uint64_t> by_local_tag_;
    std::unordered_map<AccountId, Watched> watched_;
    std::unordered_map<AccountId, size_t> of_watcher_;
    TimerQueue<uint64_t> timers_;
    ports::LostGates lost_gates_;
    Phase phase_ = Phase::Passive;
    bool calls_known_ = false;
    std::optional<Instant> calls_known_by_;
    std::optional<Instant> read_again_;
    std::optional<Instant> look_at_;
    std::string read_from_;
    uint64_t reading_ = 0;
    uint64_t ids_ = 0;
    Publications publications_;
    std::optional<Instant> publications_due_;
    std::deque<ports::Letter> held_;
    uint64_t notified_ = 0;
};

}  // namespace tandem::roles::call_state
