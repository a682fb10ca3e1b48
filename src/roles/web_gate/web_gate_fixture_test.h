// A web gate between a client and the roles that it asks, both played by the tests.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "roles/web_gate/web_gate.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::roles::web_gate {

using ports::HttpRequest;
using ports::HttpResponse;
using ports::RoleKind;

inline constexpr ports::Instance kSelf{1}, kStore{2}, kCallState{3}, kRegistrar{4}, kB2b{5},
    kGate{6};
inline constexpr Bits128 kDomain{1, 1}, kAlice{2, 2}, kCall{3, 3};
inline const std::string kToken = "let-me-in";

struct WebTest : testing::Test {
    WebTest() {
        model::Domain domain;
        domain.id = {kDomain};
        domain.name = "acme.test";
        load(store::keys::domain(domain.id), domain);
        model::Account alice;
        alice.id = {kAlice};
        alice.domain = domain.id;
        alice.login = "alice";
        load(store::keys::account(domain.id, alice.id), alice);
        catalog = feed.snapshot();
        directory.replace({{kSelf, RoleKind::WebGate, 0, 100, true, 1},
                           {kStore, RoleKind::Store, 0, 100, true, 1},
                           {kCallState, RoleKind::CallState, 0, 100, true, 1},
                           {kRegistrar, RoleKind::Registrar, 0, 100, true, 1},
                           {kGate, RoleKind::SipGate, 0, 100, true, 1},
                           {kB2b, RoleKind::B2bua, 0, 100, true, 2}});
    }
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
    }
    static HttpRequest get(std::string path) {
        HttpRequest request;
        request.method = "GET";
        request.path = std::move(path);
        request.headers = {{"authorization", "Bearer " + kToken}};
        request.remote = "192.0.2.50:1234";
        return request;
    }
    static HttpRequest with_body(std::string method, std::string path, std::string body) {
        HttpRequest request = get(std::move(path));
        request.method = std::move(method);
        request.headers.emplace_back("content-type", "application/json");
        request.body = std::move(body);
        return request;
    }
    // The letters that a request causes.
    std::vector<ports::Letter> ask(HttpRequest request) {
        ports::Outbox out;
        web.on_letter(now, {ports::kHttp, kSelf, ++asked, std::move(request)}, out);
        return out.take();
    }
    static const HttpResponse* response_in(const std::vector<ports::Letter>& letters) {
        return letters.size() == 1 ? get_if<HttpResponse>(&letters[0].payload) : nullptr;
    }
    std::vector<ports::Letter> answer(const ports::Letter& question, ports::Payload payload) {
        ports::Outbox out;
        web.on_letter(now, {question.to, kSelf, question.request, std::move(payload)}, out);
        return out.take();
    }
    // A request that is answered without asking anybody.
    HttpResponse at_once(HttpRequest request) {
        const auto letters = ask(std::move(request));
        const HttpResponse* response = response_in(letters);
        EXPECT_TRUE(response);
        return response ? *response : HttpResponse{};
    }
    // A request, the one question that it causes, and what its answer makes of it.
    template <typename Question>
    HttpResponse through(HttpRequest request, ports::Instance whom, ports::Payload reply,
                         Question* asked_question = nullptr) {
        const auto letters = ask(std::move(request));
        EXPECT_EQ(letters.size(), 1u);
        if (letters.size() != 1) return {};
        EXPECT_EQ(letters[0].to, whom);
        const auto* question = get_if<Question>(&letters[0].payload);
        EXPECT_TRUE(question);
        if (question && asked_question) *asked_question = *question;
        const auto answered = answer(letters[0], std::move(reply));
        const HttpResponse* response = response_in(answered);
        EXPECT_TRUE(response);
        if (response) {
            EXPECT_EQ(answered[0].request, asked);
        }
        return response ? *response : HttpResponse{};
    }

    Now now{{1000s}, {1'790'000'000'000}};
    store::CatalogFeed feed;
    store::Catalog catalog;
    ports::Directory directory;
    ports::TokenMint tokens{{1, 2}};
    SeededRng rng{5};
    ports::Surroundings around{kSelf, directory, catalog, tokens, rng};
    WebGate web{around, Gatekeeper(kToken, Bytes(32, 7))};
    uint64_t asked = 100;
};

}  // namespace tandem::roles::web_gate
