// The registrar (SR): takes REGISTER, keeps the bindings of all accounts and answers who can be
// reached where. Active-Passive: the active copy writes, each binding before its 200 OK; a passive
// one follows the store and answers look-ups marked stale. With several groups each has the domains
// that were agreed on (sharing_record.h), and keeps the bindings of no others. RFC 3261 10.3, RFC
// 3327, RFC 5626 6, RFC 7616, RFC 8760.
//
// It keeps no server transactions: a retransmission is known by its fingerprint, or by its Call-ID
// and CSeq in the binding, and gets the same answer, after a restart too.
#pragma once

#include <deque>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/generated/role_instance.h"
#include "ports/letter.h"
#include "roles/registrar/accounts.h"
#include "roles/registrar/answered_requests.h"
#include "roles/registrar/answers.h"
#include "roles/registrar/binding_book.h"
#include "roles/registrar/binding_update.h"
#include "roles/registrar/device_licence.h"
#include "roles/registrar/followed.h"
#include "roles/registrar/message_book.h"
#include "roles/registrar/sharing_record.h"
#include "sip/digest_verifier.h"
#include "store/writer.h"

namespace tandem::roles::registrar {

inline constexpr std::string_view keys_of_all_bindings = "binding/";

struct RegistrarOptions {
    SealKey credentials_key{};  // that passwords are sealed under
    Bytes nonce_key;            // of the system, so that every copy can check the nonces of another
    std::chrono::milliseconds nonce_lifetime{300'000};
};

struct Counters {
    uint64_t requests = 0;
    uint64_t challenges = 0;
    uint64_t refused_logins = 0;
    uint64_t registered = 0;
    uint64_t unwritten_refreshes = 0;
    uint64_t retransmissions = 0;
    uint64_t expired = 0;
    uint64_t unavailable = 0;
    uint64_t messages_kept = 0;
    uint64_t messages_refused = 0;
    uint64_t messages_delivered = 0;
    uint64_t messages_hopeless = 0;
    uint64_t messages_expired = 0;
    uint64_t passed_on = 0;  // to the copy that has the post, or the domain
    uint64_t refused_devices = 0;
};

class Registrar final : public ports::Role {
 public:
    Registrar(const ports::Surroundings& around, RegistrarOptions options);

    ports::RoleKind kind() const override { return ports::RoleKind::Registrar; }
    void start(Now now, ports::Outbox& out) override;
    void on_letter(Now now, ports::Letter letter, ports::Outbox& out) override;
    void on_timeout(Now now, ports::Outbox& out) override;
    void on_elected(Now now, const std::vector<store::Compare>& guards,
                    ports::Outbox& out) override;
    bool is_flushed() const override {
        return writes_.empty() && message_writes_.empty() && writer_.is_idle();
    }
    std::optional<Instant> next_deadline() const override;
    void drain(Now now, ports::Outbox& out) override;
    bool is_idle() const override {
        return writes_.empty() && message_writes_.empty() && parked_.empty();
    }
    void on_directory(Now now, ports::Outbox& out) override;
    void on_catalog(Now now, ports::Outbox& out) override;
    std::vector<std::pair<std::string, double>> figures() const override;

    const BindingBook& book() const { return book_; }
    const Counters& counters() const { return counters_; }

 private:
    // A change on its way to the store, and who waits for it.
    struct Write {
        DomainId domain;
        AccountId account;
        BindingUpdate update;
        std::optional<ports::Letter> question;  // SipInbound or BindingRemove; none: an expiry
        uint64_t fingerprint = 0;
        uint32_t removed = 0;
        int64_t claimed = 0;  // devices, of the licence
    };
    // The same of a message that is kept, or removed again.
    struct MessageWrite {
        DomainId domain;
        AccountId account;
        ports::StoredMessage message;
        std::optional<ports::Letter> question;  // MessageKeep; none: a removal
    };
    struct Given {  // a message that a B2B has and has not said more of
        DomainId domain;
        uint64_t key = 0;
        uint64_t request = 0;
    };
    // Bit 46 tells our questions about messages from those to the store.
    static constexpr uint64_t kMessageQuestions = uint64_t{1} << 46;
    // A REGISTER whose sender is known to be who he says.
    struct Admitted {
        ports::Letter letter;
        RegistrarDomain domain;
        RegistrarAccount account;
        uint64_t fingerprint = 0;
    };
    struct LoginAttempt {
        const ports::Letter& letter;
        const RegistrarDomain& domain;
        const std::optional<RegistrarAccount>& account;  // of the address of record
    };
    enum class Phase : uint8_t {
        Loading,
        Agreeing,    // elected: what the groups have agreed on is not what the catalog says
        CatchingUp,  // elected: what the former active copy wrote may still be on its way here
        Serving,
    };
    struct Parked {
        Instant until;
        ports::Letter letter;
    };
    struct DomainRead {
        DomainId domain;
        std::string begin;
        store::RequestId request = 0;  // 0: the store could not answer
        Instant until;
    };

    // loading and following the store: registrar_store.cc
    void load_page(Now now, std::string begin, ports::Outbox& out);
    void on_store_reply(Now now, const store::Reply& reply, ports::Outbox& out);
    void on_loaded_page(Now now, const store::RangeReply& page, ports::Outbox& out);
    void serve(Now now, ports::Outbox& out);
    void put_barrier(Now now, ports::Outbox& out);
    void on_watch(Now now, const store::WatchBatch& batch, ports::Outbox& out);
    void read_again(Now now, ports::Outbox& out);
    void put_stored(Now now, const store::KeyValue& entry);
    void remove_stored(std::string_view key);
    store::RequestId next_read_id();
    model::RegistrarSettings settings() const;

    // among other groups: registrar_sharing.cc
    int group() const;
    bool has(DomainId domain) const;
    bool is_active() const;
    bool is_ahead_of_store() const;
    void follow_sharing(Now now, ports::Outbox& out);
    void follow_as_passive(Now now, ports::Outbox& out);
    void adopt_sharing(Now now, ports::Outbox& out);
    void wait_for_agreement();
    void reload(Now now, ports::Outbox& out);
    void gain(const ports::GroupChoices& before);
    void read_next_domain(Now now, ports::Outbox& out);
    void read_domain(Now now, DomainId domain, std::string begin, ports::Outbox& out);
    bool on_domain_read(Now now, const store::Reply& reply, ports::Outbox& out);
    bool is_for_us(Now now, ports::Letter& letter, DomainId domain, ports::Outbox& out);
    void pass_on(Now now, ports::Letter letter, DomainId domain, ports::Outbox& out);
    void park(Now now, ports::Letter letter, ports::Outbox& out);
    void refuse_parked(const ports::Letter& letter, ports::Outbox& out);
    void look_at_parked(Now now, ports::Outbox& out);
    void drop_late_parked(Now now, ports::Outbox& out);
    std::optional<Instant> sharing_deadline() const;
    void on_sharing_timeout(Now now, ports::Outbox& out);

    // REGISTER: registrar.cc
    void on_sip(Now now, ports::Letter letter, ports::Outbox& out);
    void on_register(Now now, ports::Letter letter, ports::Outbox& out);
    enum class Login : uint8_t { Passed, Answered };
    Login judge_login(Now now, const LoginAttempt& attempt, ports::Outbox& out);
    Login judge_digest(Now now, const LoginAttempt& attempt,
                       const sip::DigestCredentials& credentials, ports::Outbox& out);
    void carry_out(Now now, Admitted admitted, ports::Outbox& out);
    void challenge(Now now, const ports::Letter& letter, const RegistrarDomain& domain,
                   Staleness staleness, ports::Outbox& out);
    void reject(const ports::Letter& letter, const Rejection& rejection, ports::Outbox& out);
    void answer_ok(Now now, const ports::Letter& letter, AccountId account, uint64_t fingerprint,
                   ports::Outbox& out);
    void respond(const ports::Letter& letter, sip::Message answer, ports::Outbox& out);
    std::string tag_for(const sip::Message& request) const;

    // writes
    bool write(Now now, Write write, ports::Outbox& out);
    void apply(Now now, const Write& write, ports::Outbox& out);
    void flush(Now now, store::WriterOutbox& box, ports::Outbox& out);
    void on_completion(Now now, const store::Completion& completion, ports::Outbox& out);
    void release_waiting(Now now, AccountId account, ports::Outbox& out);
    void expire(Now now, ports::Outbox& out);

    // messages that wait for a device: registrar_messages.cc
    void on_keep(Now now, ports::Letter letter, ports::Outbox& out);
    void write_message(Now now, store::Member member, MessageWrite pending, ports::Outbox& out);
    bool on_message_written(Now now, const store::Completion& completion, ports::Outbox& out);
    void give_next_message(Now now, DomainId domain, AccountId account, ports::Outbox& out);
    bool has_device(Now now, AccountId account) const;
    bool on_message_given(Now now, const ports::Letter& letter, ports::Outbox& out);
    void remove_message(Now now, const MessageBook::Found& which, ports::Outbox& out);
    void expire_messages(Now now, ports::Outbox& out);

    // questions of others: registrar_queries.cc
    void on_query(Now now, ports::Letter letter, ports::Outbox& out);
    void on_list(Now now, ports::Letter letter, ports::Outbox& out);
    void on_remove(Now now, ports::Letter letter, ports::Outbox& out);

    // how accounts stand: registrar_standing.cc
    void on_follow(Now now, ports::Letter letter, ports::Outbox& out);
    ports::AccountStanding standing_of(Now now, AccountId account) const;
    void tell_standing(Now now, AccountId account, std::vector<uint64_t> revoked,
                       ports::Outbox& out);

    const ports::Surroundings& around_;
    RegistrarOptions options_;
    sip::NonceSource nonces_;
    sip::NonceCounts nonce_counts_;
    SipHashKey fingerprint_key_;
    store::Writer writer_;
    BindingBook book_;
    DeviceLicence devices_;
    MessageBook messages_;
    Followed followed_;
    std::unordered_map<store::Ticket, MessageWrite> message_writes_;
    std::unordered_map<AccountId, Given> given_;
    uint64_t messages_given_ = 0;
    Instant look_for_old_messages_;
    AnsweredRequests answered_;
    std::unordered_map<store::Ticket, Write> writes_;
    std::unordered_set<uint64_t> in_progress_;  // fingerprints of writes_ and waiting_
    std::unordered_map<AccountId, std::deque<Admitted>> waiting_;  // a key: a write is open
    std::deque<ports::Letter> held_;                               // until loaded
    Phase phase_ = Phase::Loading;
    bool is_elected_ = false;           // has been, in this life
    bool needs_barrier_ = false;        // before it serves: others have written
    std::vector<store::Compare> post_;  // what the post says for its writes to compare
    SharingAgreement sharing_;
    ports::GroupChoices served_;           // what the book was filled by
    uint64_t served_number_ = 0;           // of the record that it serves by
    bool sharing_seen_ = false;            // by the load under way
    std::unordered_set<DomainId> unread_;  // gained, and not read yet
    std::deque<DomainId> urgent_;          // of them
    std::optional<DomainRead> reading_domain_;
    std::deque<Parked> parked_;
    std::unordered_set<uint64_t> logged_in_;  // fingerprints of REGISTERs among them
    store::RequestId reading_ = 0;
    uint64_t reads_ = 0;
    std::set<store::Revision> own_writes_;  // that the watch has still to tell
    std::string load_from_;
    store::Revision loaded_at_;
    std::optional<Instant> retry_at_;
    Counters counters_;
    bool draining_ = false;
};

}  // namespace tandem::roles::registrar
