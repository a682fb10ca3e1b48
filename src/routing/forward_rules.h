// What an account has set for its calls, for one reason: its rules, which go by who calls and by
// schedules, and the field for the reason behind them. The first rule that fits a call decides.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/generated/account_service.h"
#include "routing/route.h"

namespace tandem::routing {

struct Ruling {
    model::ForwardAction action = model::ForwardAction::Ring;
    std::string to;           // of Forward
    std::optional<int> rule;  // nullopt: it is the field's
};
Ruling ruling_of(const store::Catalog& catalog, const Question& question,
                 const model::AccountService& set, ForwardReason reason);

// A step for each rule for the reason that was passed over, and for the one that decides.
void explain_rules(const store::Catalog& catalog, const Question& question,
                   const model::AccountService& set, ForwardReason reason, Route& route);
// ", by its rule 2"; "": it is the field's. People count from 1.
std::string by_rule(const Ruling& ruling);

// Whether who calls is meant by a mask, 'inner', 'outer' or 'anonymous'. Who hides his number fits
// no mask, so that nobody can try out who he is.
bool is_meant(const store::Catalog& catalog, const Question& question, std::string_view caller);

// What must hold in the text. Errors: as of NumberMask::parse.
Result<void> check_caller(std::string_view caller);

}  // namespace tandem::routing
