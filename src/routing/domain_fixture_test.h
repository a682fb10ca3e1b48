// A catalog, and a domain with accounts in it: what the tests of routes share.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "model/generated/account.h"
#include "model/generated/domain.h"
#include "routing/route.h"
#include "store/catalog.h"
#include "store/keys.h"

namespace tandem::routing {

inline constexpr DomainId kDomain{{1, 1}};

inline AccountId id_of(int n) {
    return AccountId{{1, static_cast<uint64_t>(n)}};
}

// Whatever is loaded is there at once.
struct CatalogTest : testing::Test {
    template <typename T>
    void load(std::string key, const T& value) {
        feed.load({std::move(key), model::encode_stored(value, {}), {1, 1}, {1, 1}, 0});
        catalog = feed.snapshot();
    }

    store::CatalogFeed feed;
    store::Catalog catalog;
};

// Accounts from 1001 on, of which one may not be used: user1 has the number 1001.
struct DomainTest : CatalogTest {
    DomainTest(int accounts, int disabled) {
        model::Domain domain;
        domain.id = kDomain;
        domain.name = "acme.test";
        load(store::keys::domain(kDomain), domain);
        for (int n = 1; n <= accounts; ++n) {
            model::Account account;
            account.id = id_of(n);
            account.domain = kDomain;
            account.login = "user" + std::to_string(n);
            account.number = std::to_string(1000 + n);
            account.enabled = n != disabled;
            load(store::keys::account(kDomain, account.id), account);
        }
    }
    template <typename T>
    void put(const T& value) {
        load(store::keys::in_domain(kDomain, store::DomainKind<T>::segment, value.id.bits), value);
    }
    // "1002 1003, 1004": stages with their targets; or the status.
    static std::string who(const Route& route) {
        if (route.stages.empty()) return std::to_string(route.refusal);
        std::string text;
        for (const Stage& stage : route.stages) {
            if (!text.empty()) text += ", ";
            for (const Target& each : stage.targets)
                text += (text.empty() || text.back() == ' ' ? "" : " ") + each.number;
        }
        return text;
    }
};

}  // namespace tandem::routing
