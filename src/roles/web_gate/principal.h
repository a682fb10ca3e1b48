// Who asks: the operator of the system, a user who has signed in, or a program with an API token;
// and what he may do where, by the grants of his domain.
//
// A bearer token names who shows it, so that nothing has to be kept for it:
//   <the token of the file admin.token>                        the operator
//   tandem_t_<domain>.<API token>.<secret>                     an API token; the catalog has its
//   hash tandem_s_<domain>.<user>.<expires>.<sign-ins>.<MAC>        a session, signed with the
//   site's key
// Sessions hold at every web gate of the site. A session is over when it expires, and when the
// user's count of ended sessions (sign_ins_from) is no longer what it was.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/instant.h"
#include "base/result.h"
#include "model/rights.h"
#include "ports/web_port.h"
#include "store/catalog.h"

namespace tandem::roles::web_gate {

struct Principal {
    enum class Kind : uint8_t { Operator, User, Token };
    Kind kind = Kind::Operator;
    std::string name;  // for the audit log
    DomainId domain;   // of whom it is; nil: the operator
    UserId user;
    model::Rights own;    // in the domain itself
    model::Rights below;  // in those below it

    bool is_operator() const { return kind == Kind::Operator; }
    // What it may do in a domain; nullopt: the domain is none of its business.
    std::optional<model::Rights> rights_in(const store::Catalog& catalog, DomainId other) const;
    ports::Actor actor(std::string_view address) const;
};

class Gatekeeper {
 public:
    // `session_key` signs sessions; the same on each server of the site.
    Gatekeeper(std::string admin_token, Bytes session_key)
        : admin_token_(std::move(admin_token)), session_key_(std::move(session_key)) {}

    // Whose bearer token it is. Unauthorized: nobody's, or no longer. Forbidden: of a domain that
    // is blocked.
    Result<Principal> identify(const store::Catalog& catalog, std::string_view bearer,
                               UtcTime now) const;
    std::string session_of(const model::User& user, UtcTime expires) const;

 private:
    Result<Principal> session(const store::Catalog& catalog, std::string_view text,
                              UtcTime now) const;
    std::string signature_of(std::string_view signed_part) const;

    std::string admin_token_;
    Bytes session_key_;
};

// The bearer token of a request; empty: it has none. RFC 6750 2.1.
std::string_view bearer_of(const ports::HttpRequest& request);

}  // namespace tandem::roles::web_gate
