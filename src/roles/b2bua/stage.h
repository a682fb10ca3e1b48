// A stage for tests: one B2B instance among a registrar, a media gate and a store that are played
// here, and phones that speak SIP as text. Time stands still unless a test moves it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "model/generated/dial_rule.h"
#include "model/generated/licence.h"
#include "model/generated/trunk.h"
#include "model/generated/trunk_group.h"
#include "roles/b2bua/b2bua_role.h"
#include "store/memory_store.h"

namespace tandem::roles::b2bua {

inline constexpr ports::Instance kGate{1};
inline constexpr ports::Instance kRegistrar{2};
inline constexpr ports::Instance kSelf{3};
inline constexpr ports::Instance kController{4};
inline constexpr ports::Instance kMedia{5};
inline constexpr ports::Instance kIndex{6};
inline constexpr ports::Instance kStore{7};
inline constexpr ports::Instance kTrunkGate{18};
// other.test, where accounts of acme.test get by dialling 7 and a number, and are shown with an 8
// in front of theirs. It is there when it has an account.
inline constexpr DomainId kOther{{1, 2}};

class Stage {
 public:
    Stage();

    // --- The world.
    bool has_account(std::string_view number) const { return accounts_.contains(number); }
    void add_account(std::string_view number);  // its password is "secret"
    void add_account_elsewhere(std::string_view number);
    void change_licence(DomainId domain, model::Licence licence);
    AccountId id_of(std::string_view number) const { return accounts_.find(number)->second; }
    void register_phone(std::string_view number, uint16_t port,
                        ports::Transport transport = ports::Transport::Udp);
    // What it has set for its calls, as the API takes it, with "@1003" for the id of an account;
    // false: the text is none.
    bool set_services(std::string_view number, std::string_view json);
    bool add_group(std::string_view number, std::string_view json,
                   const std::vector<std::string_view>& members);
    bool add_feature_code(std::string_view json);
    // A queue, and its members, who are logged in; of the domain of the first of them.
    bool add_queue(std::string_view number, std::string_view json,
                   const std::vector<std::string_view>& members);
    // What CS says to the call that began last; agents by their numbers.
    void advise(ports::QueueAdvice::Kind kind, uint32_t value,
                const std::vector<std::string_view>& agents);
    // All its phones have registered anew, from there.
    void moved(std::string_view number, uint16_t port, ports::Transport transport);
    void add_rule(model::DialRule rule);
    void change_domain(const std::function<void(model::Domain&)>& change);
    // The domain's default trunk, with proxies at these ports and the password "line-secret".
    void add_trunk(model::Trunk trunk, std::vector<uint16_t> ports);
    void add_trunk_group(std::vector<TrunkId> members,
                         std::vector<std::string> failover_on = {});  // the domain's default
    bool trunk_is_unknown = false;                                    // to its gate, which says so
    uint32_t leases = 0;                                              // that CS still has to give
    void change_survival(model::Survival survival);
    void change_instance(const std::function<void(model::B2buaSettings&)>& change);
    void restart();  // the instance dies; the next incarnation starts
    // The instance dies, and `heir`, which is role() from here on, takes its calls over.
    // `before`: what happens to the heir first.
    void adopt_as(ports::Instance heir, const std::function<void()>& before = {});
    void forget_calls();  // no snapshot is left in the store
    void advance(Duration time);
    void tick();  // what is due now
    // Letters for these are kept, unanswered, until they are handed over.
    bool hold_bindings = false;
    bool hold_media = false;
    bool hold_store = false;
    bool media_refuses = false;
    bool media_replies_lost = false;
    bool keeps_messages = true;
    bool changes_refused = false;
    // What CS knows, by number: calls that accounts are in, and those that ring.
    std::map<std::string, uint64_t, std::less<>> calls_of;
    std::map<std::string, uint64_t, std::less<>> rings_of;
    bool has_room = true;      // some media gate
    ports::Instance rings_at;  // what CS says of calls that ring; nobody: there are none
    // The gate loses all contexts, and gives out ports from here on.
    void lose_media(uint16_t first_port);

    // --- Phones. A message is text with LF; Content-Length is added.
    void from_phone(uint16_t port, std::string_view text, uint64_t owner_key = 0);
    // What its gate says came over the trunk.
    void from_trunk(TrunkId trunk, uint16_t port, std::string_view text);
    void give(ports::Payload payload, ports::Instance from, uint64_t request = 0);
    // What went to the phone at `port` since the last look, oldest first.
    std::vector<ports::SipOutbound> at(uint16_t port);
    ports::SipOutbound one_at(uint16_t port);  // exactly one
    // A response of the phone to a request that it got.
    void respond(uint16_t port, const ports::SipOutbound& request, int status,
                 std::string_view sdp = {}, std::string_view more_headers = {});

    // The caller's INVITE with credentials, sent and challenged and sent again.
    void call(uint16_t port, std::string_view from, std::string_view to, std::string_view sdp,
              std::string_view more_headers = {});
    std::string digest_uri;  // in the credentials of call(); empty: the Request-URI
    // The INVITE that call() sent last comes again, with this CSeq.
    void repeat_invite(uint16_t port, uint32_t cseq = 2);
    // The CANCEL of the INVITE that call() sent last.
    std::string cancel_of_last_call() const { return cancel_; }
    std::string request_in_dialog(std::string_view method, const sip::Message& answer,
                                  uint32_t cseq, std::string_view body = {});
    static std::string sdp(uint16_t port, std::string_view direction = "sendrecv");
    static std::string sdp_secure(uint16_t port);

    // --- What came of it.
    std::vector<ports::MediaRequest> media;
    std::vector<ports::CallReport> reports;
    std::vector<ports::MessageKeep> kept;       // by the registrar
    std::vector<int> delivered;                 // what it was told of those that it had sent
    std::vector<ports::EntityRequest> changes;  // that ST was asked for
    std::vector<ports::Letter> passed_on;       // SIP that went to another B2B
    std::vector<std::string> records() const;   // CDRs in the outbox
    size_t stored_calls() const;
    B2buaRole& role() { return *role_; }
    // What the gate reads from a tag of ours. 0: it isn't one.
    uint64_t owner_key(std::string_view tag) const;
    Now now;
    ports::Directory directory;
    void pump();

 private:
    void start_as(ports::Instance self);
    void add_account(std::string_view number, DomainId domain);
    void add_rule(model::DialRule rule, DomainId domain);
    DomainId home_of(AccountId account) const;
    void tell_directory();
    static ports::Flow flow_of(uint16_t port, ports::Transport transport);
    ports::TrunkReply ways_of(const ports::TrunkQuery& wanted) const;
    ports::CallsPage known_calls_of(AccountId account);
    void play(ports::Letter& letter);
    void answer_media(const ports::Letter& letter, const ports::MediaRequest& request);
    void load(std::string key, std::string value);
    size_t count(std::string_view prefix) const;

    store::CatalogFeed feed_;
    store::Catalog catalog_;
    ports::TokenMint tokens_{{11, 22}};
    SeededRng rng_{7};
    mutable store::MemoryStore store_;
    std::map<AccountId, std::vector<ports::Binding>> bindings_;
    std::set<CallId> contexts_;
    uint16_t media_first_port_ = 30000;
    std::map<std::string, AccountId, std::less<>> accounts_;
    std::map<AccountId, DomainId> elsewhere_;  // all others are of acme.test
    std::vector<uint16_t> trunk_ports_;
    std::unique_ptr<B2buaRole> role_;
    ports::Outbox out_;
    std::vector<ports::SipOutbound> sent_;
    std::vector<ports::Letter> held_;
    model::Domain domain_;
    model::B2buaSettings settings_;
    uint64_t branches_ = 0;
    uint64_t rules_ = 0;
    uint32_t calls_ = 0;
    uint64_t groups_ = 0;
    uint64_t codes_ = 0;
    uint64_t queues_ = 0;
    std::string invite_;
    std::string cancel_;
    uint64_t directory_told_ = 0;
};

}  // namespace tandem::roles::b2bua
