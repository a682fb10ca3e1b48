#include "routing/route.h"

#include "routing/delivery.h"
#include "routing/services.h"
#include "sip/uri.h"
#include "store/catalog.h"

namespace tandem::routing {
namespace {

Route refused(Route route, int status, std::string reason) {
    route.refusal = status;
    route.steps.push_back({"refuse", std::move(reason)});
    return route;
}

}  // namespace

std::string normalised(std::string_view dialled) {
    std::string digits;
    for (size_t i = 0; i < dialled.size(); ++i) {
        const char c = dialled[i];
        const bool digit = (c >= '0' && c <= '9') || c == '*' || c == '#';
        const bool for_the_eye = c == '-' || c == '.' || c == '(' || c == ')' || c == ' ';
        if (digit || (c == '+' && digits.empty()))
            digits += c;
        else if (!for_the_eye)
            return std::string(dialled);
    }
    return digits.empty() ? std::string(dialled) : digits;
}

Route route(const store::Catalog& catalog, const Question& question) {
    Route route;
    const std::string number = normalised(question.dialled);
    if (number.empty()) return refused(std::move(route), 484, "Nothing was dialled.");
    if (number != question.dialled) {
        route.steps.push_back({"normalise", "Without separators this is " + number + "."});
    }
    const char* found_by = "number";
    const store::AccountRecord* account = catalog.find_account_by_number(question.domain, number);
    if (account == nullptr) {
        found_by = "login";
        account = catalog.find_account_by_login(question.domain, question.dialled);
    }
    if (account == nullptr) {
        if (auto found = reach_service(catalog, question, number, route)) return *std::move(found);
        return refused(std::move(route), 404,
                       "No account of the domain has the number or login " + number + ".");
    }
    if (!account->enabled) {
        return refused(std::move(route), 480,
                       "The account " + std::string(account->login()) + " is disabled.");
    }
    route.steps.push_back({"account", "The account " + std::string(account->login()) +
                                          " of the domain has this " + found_by + "."});
    return deliver(catalog, question, *account, std::move(route));
}

std::optional<Target> account_of_uri(const store::Catalog& catalog, DomainId domain,
                                     std::string_view uri) {
    const auto parsed = sip::UriView::parse(uri);
    if (!parsed) return std::nullopt;
    if (parsed->is_sip()) {
        const auto* named = catalog.find_domain(parsed->host());
        if (named == nullptr || named->id != domain) return std::nullopt;
    } else if (parsed->scheme != sip::UriScheme::Tel) {
        return std::nullopt;
    }
    const std::string user = parsed->decoded_user();
    const store::AccountRecord* account = catalog.find_account_by_number(domain, normalised(user));
    if (account == nullptr) account = catalog.find_account_by_login(domain, user);
    if (account == nullptr || !account->enabled) return std::nullopt;
    return target_of(domain, *account);
}

}  // namespace tandem::routing
