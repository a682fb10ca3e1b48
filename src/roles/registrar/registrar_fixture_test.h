// A registrar over a store of one map, and a phone that registers: for its tests.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/secret.h"
#include "roles/registrar/registrar.h"
#include "sip/digest.h"
#include "sip/parser.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::registrar {

using ports::RoleKind;
using ports::Transport;
using sip::HeaderId;

constexpr ports::Instance kSelf{4}, kGate{1};
constexpr Bits128 kDomain{1, 1}, kAlice{2, 2};

// A store of one map: answers the registrar's requests at once, or when asked to.
struct TinyStore {
    std::map<std::string, std::string> data;
    int64_t revision = 1;
    size_t transactions = 0;
    std::vector<store::Request> held;
    bool hold = false;

    static bool fulfilled(const store::Compare& compare,
                          const std::map<std::string, std::string>& data) {
        const auto found = data.find(compare.key);
        store::KeyValue current;
        if (found != data.end()) current.value = found->second;
        return store::holds(compare, found == data.end() ? nullptr : &current);
    }
    store::Reply answer(const store::Request& request) {
        if (const auto* range = std::get_if<store::RangeRequest>(&request.body)) {
            store::RangeReply reply;
            for (const auto& [key, value] : data) {
                if (range->range.contains(key)) reply.items.push_back({key, value, {}, {}, 0});
            }
            reply.count = reply.items.size();
            reply.revision = {1, revision};
            return {request.id, store::ReplyBody(reply)};
        }
        if (const auto* txn = std::get_if<store::Txn>(&request.body))
            return apply(request.id, *txn);
        return {request.id, store::ReplyBody(store::DoneReply{})};
    }
    store::Reply apply(store::RequestId id, const store::Txn& txn) {
        store::TxnReply reply;
        reply.succeeded = true;
        for (const auto& compare : txn.compares) {
            reply.succeeded = reply.succeeded && fulfilled(compare, data);
        }
        ++transactions;
        for (const store::Op& op : reply.succeeded ? txn.then_ops : txn.else_ops) {
            if (const auto* put = std::get_if<store::Put>(&op)) data[put->key] = put->value;
            if (const auto* del = std::get_if<store::Delete>(&op)) data.erase(del->key);
            if (const auto* get = std::get_if<store::Get>(&op)) {
                const store::Reply read = answer({0, get->range});
                reply.ops.emplace_back(std::get<store::RangeReply>(*read.body));
            } else {
                reply.ops.emplace_back(store::PutReply{});
            }
        }
        reply.revision = {1, ++revision};
        return {id, store::ReplyBody(reply)};
    }
};

struct RegistrarTest : testing::Test {
    RegistrarTest() {
        model::Domain domain;
        domain.id = {kDomain};
        domain.name = "acme.test";
        domain.realm = "acme.test";
        domain.settings.contacts_max = 3;
        domain.settings.digest_algorithms = {model::DigestAlgorithm::Sha256,
                                             model::DigestAlgorithm::Md5};
        load(store::keys::domain(domain.id), domain);
        model::Account alice;
        alice.id = {kAlice};
        alice.domain = domain.id;
        alice.login = "alice";
        alice.number = "1001";
        alice.credentials =
            model::seal_ha1(model::compute_ha1("alice", "acme.test", "secret"), key, rng);
        load(store::keys::account(domain.id, alice.id), alice);
        catalog = feed.snapshot();
        directory.replace({{kSelf, RoleKind::Registrar}, {kGate, RoleKind::SipGate}});
        restart();
    }

    template <typename T>
    void load(std::string store_key, const T& value) {
        feed.load({std::move(store_key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    void restart() {
        RegistrarOptions options;
        options.credentials_key = key;
        options.nonce_key = Bytes(32, 9);
        registrar = std::make_unique<Registrar>(around, std::move(options));
        ports::Outbox out;
        registrar->start(now, out);
        settle(out);
    }
    // Lets the store answer until nothing more is asked; keeps what is for others.
    void settle(ports::Outbox& out) {
        while (!out.empty()) {
            for (ports::Letter& letter : out.take()) {
                auto* request = get_if<store::Request>(&letter.payload);
                if (!request) {
                    sent.push_back(std::move(letter));
                } else if (store.hold) {
                    store.held.push_back(std::move(*request));
                } else {
                    registrar->on_letter(
                        now, {ports::kKeyValue, kSelf, letter.request, store.answer(*request)},
                        out);
                }
            }
        }
    }
    void release() {
        store.hold = false;
        ports::Outbox out;
        for (const store::Request& request : std::exchange(store.held, {})) {
            registrar->on_letter(now, {ports::kKeyValue, kSelf, 0, store.answer(request)}, out);
        }
        settle(out);
    }
    void deliver(ports::Payload payload) {
        ports::Outbox out;
        registrar->on_letter(now, {kGate, kSelf, 7, std::move(payload)}, out);
        settle(out);
    }
    void wait(Duration duration) {
        now.mono = now.mono + duration;
        now.utc.unix_ms += std::chrono::duration_cast<std::chrono::milliseconds>(duration).count();
        ports::Outbox out;
        for (int i = 0; i < 100 && registrar->next_deadline() <= now.mono; ++i) {
            if (!registrar->next_deadline()) break;
            registrar->on_timeout(now, out);
            settle(out);
        }
    }

    // ---- a phone
    struct Phone {
        std::string user = "alice";
        std::string password = "secret";
        std::string call_id = "phone-1";
        uint32_t cseq = 0;
        std::string nonce;
        uint32_t nonce_count = 0;
        std::string source = "192.0.2.9:5060";
        Transport transport = Transport::Udp;
        uint64_t connection = 0;
        sip::DigestAlgorithm algorithm = sip::DigestAlgorithm::Md5;
    };
    ports::SipInbound inbound(const Phone& phone, const std::string& headers,
                              const std::string& credentials = "") {
        std::string text =
            "REGISTER sip:acme.test SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch="
            "z9hG4bK-" +
            phone.call_id + "-" + std::to_string(phone.cseq) + "\r\nFrom: <sip:" + phone.user +
            "@acme.test>;tag=1\r\nTo: <sip:" + phone.user +
            "@acme.test>\r\nCall-ID: " + phone.call_id + "\r\nCSeq: " + std::to_string(phone.cseq) +
            " REGISTER\r\n" + headers;
        if (!credentials.empty()) text += "Authorization: " + credentials + "\r\n";
        text += "Content-Length: 0\r\n\r\n";
        ports::SipInbound in;
        in.flow = {kGate, phone.transport, 1, phone.connection,
                   *SocketAddress::parse(phone.source)};
        in.message = *sip::parse_message(text);
        return in;
    }
    std::string credentials(Phone& phone) {
        ++phone.nonce_count;
        sip::DigestChallenge challenge;
        challenge.realm = "acme.test";
        challenge.nonce = phone.nonce;
        challenge.algorithm = phone.algorithm;
        return sip::answer_challenge(challenge, {phone.user, phone.password},
                                     {"REGISTER", "sip:acme.test", "c0ffee", phone.nonce_count});
    }
    // One REGISTER; the answer, or none.
    std::optional<sip::Message> send(Phone& phone, const std::string& headers) {
        ++phone.cseq;
        sent.clear();
        deliver(inbound(phone, headers, phone.nonce.empty() ? "" : credentials(phone)));
        return answer();
    }
    std::optional<sip::Message> answer() {
        // After an answer there may be a message that has waited.
        for (auto letter = sent.rbegin(); letter != sent.rend(); ++letter) {
            if (auto* outbound = get_if<ports::SipOutbound>(&letter->payload))
                return outbound->message;
            if (!holds_alternative<ports::MessageDeliver>(letter->payload)) break;
        }
        return std::nullopt;
    }
    // With its challenge.
    std::optional<sip::Message> log_in(Phone& phone, const std::string& headers) {
        const auto challenge = send(phone, headers);
        if (!challenge || challenge->status() != 401) return challenge;
        phone.nonce = nonce_in(*challenge);
        phone.nonce_count = 0;
        return send(phone, headers);
    }
    static std::string nonce_in(const sip::Message& challenge) {
        const auto value = sip::AuthValue::parse(*challenge.header(HeaderId::WwwAuthenticate));
        return std::string(sip::DigestChallenge::parse(*value)->nonce);
    }
    ports::BindingsReply query() {
        sent.clear();
        deliver(ports::BindingsQuery{{kDomain}, {kAlice}});
        return get<ports::BindingsReply>(sent.back().payload);
    }
    size_t stored() const {
        size_t count = 0;
        for (const auto& [name, value] : store.data) count += name.starts_with("binding/") ? 1 : 0;
        return count;
    }

    Now now{{1000s}, {1'790'000'000'000}};
    SealKey key{1, 2, 3};
    SeededRng rng{11};
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    TinyStore store;
    std::unique_ptr<Registrar> registrar;
    std::vector<ports::Letter> sent;
};

constexpr const char* kContact = "Contact: <sip:alice@192.0.2.9:5060>\r\n";

}  // namespace tandem::roles::registrar
