// One trunk as the gate that looks after it sees it: where its proxies are, which of them answer,
// and, where we have to register, the registration. Says what is to be sent; the role sends it.
//
// Pure; owned by ExternalSipGate.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/instant.h"
#include "base/rng.h"
#include "model/generated/trunk.h"
#include "model/trunk_proxy.h"
#include "ports/trunk_port.h"
#include "roles/external_sip_gate/registration.h"
#include "roles/external_sip_gate/tls_share.h"
#include "sip/message.h"

namespace tandem::roles::external_sip_gate {

// What is not in the trunk's entity.
struct LineSecrets {
    std::string password;
    std::string contact_token;
    std::string user_agent;
    std::string tls_key{};                            // of the trunk's certificate
    std::vector<std::string> credential_passwords{};  // one for each of the trunk's `credentials`
};

class TrunkLine {
 public:
    TrunkLine(model::Trunk trunk, LineSecrets secrets, Rng& rng);

    enum class Health : uint8_t { Unknown, Up, Down };
    // One address of one proxy.
    struct Place {
        uint16_t number = 0;  // of its own, never 0
        size_t proxy = 0;
        ports::Transport transport = ports::Transport::Udp;
        SocketAddress address;
        Health health = Health::Unknown;
        std::optional<Instant> ping_at;     // the next
        std::optional<Instant> ping_until;  // the answer to the one that is out
        std::string tls_failure;            // why there is no TLS; empty: nothing is known
        // Of its name's SRV records, as in sip::Target.
        uint16_t rank = 0;
        uint16_t server = 0;
        uint16_t weight = 0;
    };
    // A request for the role to send. `purpose` comes back with the answer.
    struct Sending {
        sip::Message message;
        ports::Transport transport = ports::Transport::Udp;
        SocketAddress address;
        uint16_t purpose = 0;
        bool with_contact = false;
        uint64_t tls_peer = 0;  // as in Flow
    };
    struct Question {
        size_t proxy = 0;
        ports::ResolveQuery query;
    };

    // Whatever is due by now.
    void run(Instant now, Rng& rng, std::vector<Sending>& out);
    std::optional<Question> next_question(Instant now);  // a name that is to be looked up
    bool has_question(Instant now) const;
    // It has one, and others ask before it: nothing is due for it.
    void wait_to_ask(bool waits) { waits_to_ask_ = waits; }
    // Whether there are other places now.
    bool on_resolved(Instant now, size_t proxy, const ports::ResolveReply& reply);
    void on_response(Instant now, uint16_t purpose, const sip::Message& response, Rng& rng);
    void on_unanswered(Instant now, uint16_t purpose, std::string_view why, Rng& rng);
    std::optional<Instant> next_deadline() const;

    // It is removed, disabled or somebody else's: takes the registration back.
    void leave(Instant now);
    bool is_gone() const;

    // Where a call goes, the first to be tried first. Servers that a name's SRV records make equal
    // are drawn anew each time.
    struct Way {
        std::string request_uri;
        ports::Transport transport = ports::Transport::Udp;
        SocketAddress address;
        uint64_t tls_peer = 0;  // as in Flow
    };
    std::vector<Way> ways_to(Instant now, std::string_view number, Rng& rng) const;
    bool has_unresolved() const;
    // Whom it expects at the addresses of its proxies over TLS.
    std::vector<TlsKey> tls_keys() const;
    ports::TlsPeer tls_peer(const TlsKey& key) const;  // one of tls_keys()
    void on_tls_failed(const ports::TlsFailed& failed);
    // A call was given no word there: it is pinged at once.
    void on_silent(Instant now, ports::Transport transport, const SocketAddress& address);

    const model::Trunk& trunk() const { return trunk_; }
    const std::vector<Place>& places() const { return places_; }
    const Registration* registration() const { return registration_ ? &*registration_ : nullptr; }
    bool is_registered(Instant now) const {
        return registration_ && registration_->is_registered(now);
    }
    bool is_up(Instant now) const;  // calls can be made, as far as is known
    bool is_unreachable() const;    // no proxy answers
    // Why the trunk, or one of its proxies, is not there, for operators; empty: nothing is wrong.
    std::string trouble(Instant now) const;
    struct News {
        std::string text;
        bool is_trouble = false;
    };
    std::vector<News> take_news() { return std::exchange(news_, {}); }

 private:
    struct Name {
        model::TrunkProxy proxy;
        std::optional<Instant> ask_at;  // nullopt: an address, or it has been asked
        bool asked = false;
        bool known = false;
        uint64_t tls_peer = 0;  // of those that it leads to, where they are reached over TLS
        std::string failure{};  // of the last look-up
        std::string unfit{};    // where it led to, though no server can be there
        std::optional<Instant> half_known_since{};  // look-ups fail, wholly or in part
    };
    void add_literal_places();
    uint64_t tls_peer_of(const std::string& host) const;
    void note_failure(Name& name, std::string why);
    void note_unfit(Name& name, const std::string& address);
    bool replace_places(size_t proxy, const std::vector<ports::ResolveReply::Place>& found);
    void draw_servers(std::vector<const Place*>& order, Rng& rng) const;
    void run_registration(Instant now, Rng& rng, std::vector<Sending>& out);
    void run_pings(Instant now, std::vector<Sending>& out);
    void settle(Instant now, Registration::Outcome outcome, Rng& rng);
    void mark(Instant now, Place& place, Health health);
    void register_elsewhere();
    uint64_t tls_peer_at(const Place& place) const;  // 0: it is not reached over TLS
    const Place* better_place() const;               // than the registrar's, and there
    Place* place_of(uint16_t number);
    Place* best_place();
    Place* next_place();
    sip::Message next_ping();
    void say(std::string text) { news_.push_back({std::move(text), false}); }
    void complain(std::string text) { news_.push_back({std::move(text), true}); }

    model::Trunk trunk_;
    LineSecrets secrets_;
    std::vector<Name> names_;
    std::vector<Place> places_;  // in the order of the proxies
    uint16_t last_number_ = 0;
    std::optional<Registration> registration_;
    uint16_t registrar_ = 0;  // the place that is asked, or has us
    size_t tried_ = 0;        // places in a row
    bool said_registered_ = false;
    std::string said_failure_;
    bool leaves_ = false;
    bool waits_to_ask_ = false;
    uint32_t pings_ = 0;
    std::string ping_call_id_;
    std::string ping_tag_;
    std::vector<News> news_;
};

}  // namespace tandem::roles::external_sip_gate
