#include "roles/registrar/registrar.h"

#include <algorithm>

#include "roles/registrar/limits.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::registrar {

using sip::HeaderId;
using sip::Message;

namespace {

const Message& request_of(const ports::Letter& letter) {
    return get<ports::SipInbound>(letter.payload).message;
}

// Of the same length as a real one, so that the arithmetic over it takes as long.
std::string_view dummy_ha1(sip::DigestAlgorithm algorithm) {
    static constexpr std::string_view kZeros =
        "0000000000000000000000000000000000000000000000000000000000000000";
    return kZeros.substr(0, algorithm == sip::DigestAlgorithm::Md5 ? 32 : 64);
}

// All that a retransmission has in common with its request, and where it came from.
uint64_t fingerprint_of(SipHashKey key, const ports::SipInbound& inbound) {
    const Message& request = inbound.message;
    std::string text;
    text.reserve(1024);
    for (const HeaderId id : {HeaderId::CallId, HeaderId::CSeq, HeaderId::Expires}) {
        text.append(request.header(id).value_or("")).push_back('\n');
    }
    for (const HeaderId id : {HeaderId::Via, HeaderId::Contact, HeaderId::Authorization}) {
        for (const std::string_view field : request.fields(id)) text.append(field).push_back('\n');
    }
    text.append(reinterpret_cast<const char*>(inbound.flow.remote.ip.octets.data()), 16);
    text.append(std::to_string(inbound.flow.connection + inbound.flow.remote.port));
    return siphash(key, as_bytes(text));
}

std::optional<sip::DigestCredentials> credentials_for(const Message& request,
                                                      std::string_view realm, bool& malformed) {
    for (const Result<sip::AuthValue> value : request.auth_values(HeaderId::Authorization)) {
        if (!value || !value->is_digest()) continue;
        const auto credentials = sip::DigestCredentials::parse(*value);
        if (!credentials) {
            malformed = true;
        } else if (credentials->realm == realm) {
            return *credentials;
        }
    }
    return std::nullopt;
}

// Bindings that the account does not have yet.
size_t added_by(const BindingUpdate& update, std::span<const BindingRecord> current) {
    return static_cast<size_t>(std::ranges::count_if(update.puts, [&](const BindingRecord& put) {
        return std::ranges::find(current, put.key, &BindingRecord::key) == current.end();
    }));
}

std::string login_in(const Message& request, std::string& host) {
    const auto to = request.to();
    const auto uri = to ? to->parsed_uri() : Result<sip::UriView>(to.error());
    if (!uri || !uri->is_sip()) return {};
    host = uri->host();
    return uri->decoded_user();
}

}  // namespace

Registrar::Registrar(const ports::Surroundings& around, RegistrarOptions options)
    : around_(around),
      options_(std::move(options)),
      nonces_(options_.nonce_key, options_.nonce_lifetime),
      nonce_counts_({around.rng.next(), around.rng.next()}),
      fingerprint_key_{around.rng.next(), around.rng.next()},
      writer_("sr-" + std::to_string(around.self.number), around.self.number) {}

model::RegistrarSettings Registrar::settings() const {
    const auto* entity = around_.catalog.find_role_instance(around_.self.number);
    return entity != nullptr ? entity->registrar.value_or(model::RegistrarSettings{})
                             : model::RegistrarSettings{};
}

void Registrar::start(Now now, ports::Outbox& out) {
    sharing_.want(now, around_.directory.groups().registrar, around_.catalog.layout_revision());
    load_page(now, std::string(keys_of_all_bindings), out);
}

void Registrar::on_letter(Now now, ports::Letter letter, ports::Outbox& out) {
    if (const auto* reply = get_if<store::Reply>(&letter.payload)) {
        on_store_reply(now, *reply, out);
    } else if (const auto* batch = get_if<store::WatchBatch>(&letter.payload)) {
        on_watch(now, *batch, out);
    } else if (const auto* closed = get_if<ports::FlowClosed>(&letter.payload)) {
        book_.connection_closed(closed->flow.gate, closed->flow.connection);
    } else if (on_message_given(now, letter, out)) {
        return;
    } else if (phase_ != Phase::Serving) {
        if (held_.size() < held_letters_max) held_.push_back(std::move(letter));
    } else if (holds_alternative<ports::SipInbound>(letter.payload)) {
        on_sip(now, std::move(letter), out);
    } else if (holds_alternative<ports::BindingsQuery>(letter.payload)) {
        on_query(now, std::move(letter), out);
    } else if (holds_alternative<ports::BindingsList>(letter.payload)) {
        on_list(now, std::move(letter), out);
    } else if (holds_alternative<ports::BindingRemove>(letter.payload)) {
        on_remove(now, std::move(letter), out);
    } else if (holds_alternative<ports::MessageKeep>(letter.payload)) {
        on_keep(now, std::move(letter), out);
    } else if (holds_alternative<ports::AccountFollow>(letter.payload)) {
        on_follow(now, std::move(letter), out);
    }
}

// It serves when the groups agree with what it knows, and when all that was written before is here.
void Registrar::on_elected(Now now, const std::vector<store::Compare>& guards, ports::Outbox& out) {
    post_ = guards;
    is_elected_ = true;
    needs_barrier_ = true;
    if (phase_ == Phase::Loading) return;  // it looks when it has loaded
    phase_ = Phase::Agreeing;
    follow_sharing(now, out);
}

void Registrar::on_timeout(Now now, ports::Outbox& out) {
    if (retry_at_ && *retry_at_ <= now.mono) {
        retry_at_.reset();
        if (phase_ == Phase::CatchingUp) {
            put_barrier(now, out);
        } else {
            load_page(now, load_from_, out);
        }
    }
    store::WriterOutbox box;
    writer_.on_timeout(now.mono, box);
    flush(now, box, out);
    on_sharing_timeout(now, out);
    expire(now, out);
    expire_messages(now, out);
}

std::optional<Instant> Registrar::next_deadline() const {
    std::optional<Instant> next = book_.next_deadline();
    const auto old_messages =
        messages_.size() > 0 ? std::optional(look_for_old_messages_) : std::nullopt;
    for (const auto& other :
         {writer_.next_deadline(), retry_at_, sharing_deadline(), old_messages}) {
        if (other && (!next || *other < *next)) next = other;
    }
    return next;
}

void Registrar::drain(Now, ports::Outbox&) {
    draining_ = true;
}

std::vector<std::pair<std::string, double>> Registrar::figures() const {
    const auto count = [](uint64_t value) { return static_cast<double>(value); };
    return {{"bindings", count(book_.size())},
            {"registered_accounts", count(book_.accounts())},
            {"register_requests", count(counters_.requests)},
            {"register_challenges", count(counters_.challenges)},
            {"register_refused", count(counters_.refused_logins)},
            {"registrations", count(counters_.registered)},
            {"register_unwritten", count(counters_.unwritten_refreshes)},
            {"register_retransmissions", count(counters_.retransmissions)},
            {"bindings_expired", count(counters_.expired)},
            {"register_unavailable", count(counters_.unavailable)},
            {"register_passed_on", count(counters_.passed_on)},
            {"domains_to_read", static_cast<double>(unread_.size())},
            {"register_refused_licence_devices", count(counters_.refused_devices)},
            {"binding_writes_open", count(writes_.size())},
            {"messages_waiting", static_cast<double>(messages_.size())},
            {"messages_kept_total", count(counters_.messages_kept)},
            {"messages_refused_total", count(counters_.messages_refused)},
            {"messages_delivered_total", count(counters_.messages_delivered)},
            {"messages_undeliverable_total", count(counters_.messages_hopeless)},
            {"messages_expired_total", count(counters_.messages_expired)}};
}

// ---- REGISTER

void Registrar::on_sip(Now now, ports::Letter letter, ports::Outbox& out) {
    const Message& request = request_of(letter);
    if (request.is_response() || request.method() == sip::Method::Ack) return;
    if (request.method() != sip::Method::Register) {
        reject(letter, {405, {{HeaderId::Allow, "REGISTER"}}, {}}, out);
        return;
    }
    DomainId domain;
    if (served_.is_shared() || sharing_.wanted().is_shared()) {
        std::string host;
        (void)login_in(request, host);
        if (const auto found = find_domain(around_.catalog, host, now.utc)) domain = found->id;
    }
    if (!is_for_us(now, letter, domain, out)) return;
    if (draining_ || writes_.size() >= writes_max) {
        ++counters_.unavailable;
        reject(letter, {503, {{HeaderId::RetryAfter, std::to_string(retry_after_s)}}, {}}, out);
        return;
    }
    on_register(now, std::move(letter), out);
}

void Registrar::on_register(Now now, ports::Letter letter, ports::Outbox& out) {
    ++counters_.requests;
    const auto& inbound = get<ports::SipInbound>(letter.payload);
    const uint64_t fingerprint = fingerprint_of(fingerprint_key_, inbound);
    if (in_progress_.contains(fingerprint)) {
        ++counters_.retransmissions;  // the answer to the first is on its way
        return;
    }
    if (const auto account = answered_.find(fingerprint)) {
        ++counters_.retransmissions;
        answer_ok(now, letter, *account, fingerprint, out);
        return;
    }
    if (auto required = check_required(inbound.message); !required) {
        reject(letter, required.error(), out);
        return;
    }
    std::string host;
    const std::string login = login_in(inbound.message, host);
    auto domain = find_domain(around_.catalog, host, now.utc);
    if (!domain) {
        reject(letter, {404, {}, {}}, out);  // RFC 3261 10.3 step 5
        return;
    }
    if (domain->blocked) {
        reject(letter, {403, {}, {}}, out);
        return;
    }
    auto account = find_account(around_.catalog, domain->id, login);
    // One that waits once more has shown who it is, and its nonce count would not do again.
    const bool is_known = account && logged_in_.erase(fingerprint) > 0;
    if (!is_known && judge_login(now, {letter, *domain, account}, out) == Login::Answered) return;
    Admitted admitted{std::move(letter), std::move(*domain), std::move(*account), fingerprint};
    carry_out(now, std::move(admitted), out);
}

// RFC 3261 10.3 steps 3 and 4. Nothing here may tell whether the account exists.
Registrar::Login Registrar::judge_login(Now now, const LoginAttempt& attempt, ports::Outbox& out) {
    bool malformed = false;
    const auto credentials =
        credentials_for(request_of(attempt.letter), attempt.domain.realm, malformed);
    if (!credentials && malformed) {
        reject(attempt.letter, {400, {}, "Authorization is malformed"}, out);
        return Login::Answered;
    }
    if (!credentials || !credentials->algorithm) {
        challenge(now, attempt.letter, attempt.domain, Staleness::First, out);
        return Login::Answered;
    }
    return judge_digest(now, attempt, *credentials, out);
}

Registrar::Login Registrar::judge_digest(Now now, const LoginAttempt& attempt,
                                         const sip::DigestCredentials& credentials,
                                         ports::Outbox& out) {
    const auto& [letter, domain, account] = attempt;
    const sip::DigestAlgorithm algorithm = *credentials.algorithm;
    std::string ha1;
    if (account && account->enabled && sip::unquote(credentials.username) == account->login) {
        ha1 = ha1_of(*account, algorithm, options_.credentials_key);
    }
    const bool usable = !ha1.empty();
    if (!usable) ha1 = dummy_ha1(algorithm);
    const sip::DigestQuestion question{domain.realm, "REGISTER", request_of(letter).request_uri(),
                                       ha1};
    // Made by an earlier key or by nobody: a new nonce is the answer, whoever asks.
    if (nonces_.check(credentials.nonce, domain.realm, now.utc) == sip::NonceState::Forged) {
        challenge(now, letter, domain, Staleness::Stale, out);
        return Login::Answered;
    }
    switch (sip::verify_digest(credentials, question, nonces_, nonce_counts_, now.utc)) {
        case sip::DigestOutcome::Ok:
            if (usable) return Login::Passed;
            break;
        case sip::DigestOutcome::Stale:
        case sip::DigestOutcome::Replayed:
            challenge(now, letter, domain, Staleness::Stale, out);
            return Login::Answered;
        case sip::DigestOutcome::Malformed:
            reject(letter, {400, {}, "Authorization is malformed"}, out);
            return Login::Answered;
        case sip::DigestOutcome::UnknownAlgorithm:
            challenge(now, letter, domain, Staleness::First, out);
            return Login::Answered;
        case sip::DigestOutcome::Wrong:
            break;
    }
    ++counters_.refused_logins;
    reject(letter, {403, {}, {}}, out);
    return Login::Answered;
}

void Registrar::carry_out(Now now, Admitted admitted, ports::Outbox& out) {
    const AccountId account = admitted.account.id;
    if (!is_for_us(now, admitted.letter, admitted.domain.id, out)) return;  // any more
    if (const auto open = waiting_.find(account); open != waiting_.end()) {
        // RFC 3261 10.3: REGISTERs are carried out in the order of their coming.
        if (open->second.size() >= waiting_per_account_max) return;  // it will come again
        in_progress_.insert(admitted.fingerprint);
        open->second.push_back(std::move(admitted));
        return;
    }
    const auto& inbound = get<ports::SipInbound>(admitted.letter.payload);
    const auto wanted = read_register(inbound.message, admitted.domain.expiry);
    if (!wanted) {
        reject(admitted.letter, wanted.error(), out);
        return;
    }
    const size_t contacts_max =
        admitted.account.contacts_max.value_or(admitted.domain.contacts_max);
    const model::RegistrarSettings settings = this->settings();
    const UpdateSource source{inbound.message, inbound.flow, now.utc, contacts_max,
                              settings.expiry_step.count()};
    auto update = plan_update(book_.of(account), *wanted, source);
    if (!update) {
        reject(admitted.letter, update.error(), out);
        return;
    }
    const size_t more = added_by(*update, book_.of(account));
    if (more > 0 && book_.size() + more > static_cast<size_t>(settings.bindings_max)) {
        ++counters_.unavailable;
        reject(admitted.letter, {503, {{HeaderId::RetryAfter, std::to_string(retry_after_s)}}, {}},
               out);
        return;
    }
    // RFC 3261 10.3 step 8 leaves the answer open: with a 503 phones would look for another server.
    const auto devices = more == 0 ? std::optional<int64_t>()
                                   : devices_.free(around_.catalog, book_, admitted.domain.id);
    if (devices && *devices < static_cast<int64_t>(more)) {
        ++counters_.refused_devices;
        reject(admitted.letter, {403, {}, "the licence allows no more devices"}, out);
        return;
    }
    Write pending{admitted.domain.id,
                  account,
                  std::move(*update),
                  std::move(admitted.letter),
                  admitted.fingerprint,
                  0,
                  devices ? static_cast<int64_t>(more) : 0};
    if (!pending.update.needs_write) {
        counters_.unwritten_refreshes += pending.update.puts.empty() ? 0 : 1;
        apply(now, pending, out);
        answer_ok(now, *pending.question, account, pending.fingerprint, out);
        give_next_message(now, pending.domain, account, out);
        return;
    }
    write(now, std::move(pending), out);
}

void Registrar::challenge(Now now, const ports::Letter& letter, const RegistrarDomain& domain,
                          Staleness staleness, ports::Outbox& out) {
    ++counters_.challenges;
    const Message& request = request_of(letter);
    const std::string nonce = nonces_.make(domain.realm, now.utc, around_.rng);
    respond(letter, answer_challenge(request, domain, nonce, staleness, tag_for(request)), out);
}

void Registrar::reject(const ports::Letter& letter, const Rejection& rejection,
                       ports::Outbox& out) {
    const Message& request = request_of(letter);
    respond(letter, answer_rejected(request, rejection, tag_for(request)), out);
}

void Registrar::answer_ok(Now now, const ports::Letter& letter, AccountId account,
                          uint64_t fingerprint, ports::Outbox& out) {
    const Message& request = request_of(letter);
    answered_.add(now.mono, fingerprint, account);
    ++counters_.registered;
    respond(letter, answer_registered(request, book_.of(account), now, tag_for(request)), out);
}

void Registrar::respond(const ports::Letter& letter, Message answer, ports::Outbox& out) {
    const auto& inbound = get<ports::SipInbound>(letter.payload);
    ports::SipOutbound outbound;
    outbound.flow = inbound.flow;
    outbound.message = std::move(answer);
    // Another registrar may have passed it on.
    out.send(around_.self, inbound.flow.gate ? inbound.flow.gate : letter.from,
             std::move(outbound));
}

// Of the request, so that a retransmission gets the same one.
std::string Registrar::tag_for(const Message& request) const {
    const uint64_t unique = siphash(fingerprint_key_, as_bytes(request.call_id()));
    return around_.tokens.text({ports::TokenKind::Tag, around_.self, unique});
}

}  // namespace tandem::roles::registrar
