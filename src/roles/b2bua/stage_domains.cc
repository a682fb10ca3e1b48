// A second domain on the stage, and what leads from the first one into it.
#include "model/generated/representation.h"
#include "roles/b2bua/stage.h"
#include "store/keys.h"

namespace tandem::roles::b2bua {

DomainId Stage::home_of(AccountId account) const {
    const auto found = elsewhere_.find(account);
    return found == elsewhere_.end() ? domain_.id : found->second;
}

void Stage::add_rule(model::DialRule rule, DomainId domain) {
    rule.id = DialRuleId{{8, ++rules_}};
    rule.domain = domain;
    load(store::keys::in_domain(domain, store::DomainKind<model::DialRule>::segment, rule.id.bits),
         model::encode_stored(rule, {}));
}

void Stage::change_licence(DomainId domain, model::Licence licence) {
    licence.domain = domain;
    load(store::keys::licence(domain), model::encode_stored(licence, {}));
}

void Stage::add_account_elsewhere(std::string_view number) {
    if (elsewhere_.empty()) {
        model::Domain other;
        other.id = kOther;
        other.name = other.realm = "other.test";
        load(store::keys::domain(kOther), model::encode_stored(other, {}));
        model::DialRule exit;
        exit.name = "exit";
        exit.dialled = "7*";
        exit.called_number.strip = 1;
        exit.action = model::DialAction::Domain;
        exit.to_domain = kOther;
        add_rule(std::move(exit));
        model::DialRule entry;
        entry.name = "entry";
        entry.directions = {model::DialDirection::Cross};
        add_rule(std::move(entry), kOther);
        model::Representation shown;
        shown.id = RepresentationId{{11, 1}};
        shown.domain = kOther;
        shown.name = "acme";
        shown.scope = model::RepresentationScope::Cross;
        shown.number.prefix = "8";
        load(store::keys::in_domain(kOther, store::DomainKind<model::Representation>::segment,
                                    shown.id.bits),
             model::encode_stored(shown, {}));
    }
    add_account(number, kOther);
    elsewhere_[id_of(number)] = kOther;
}

}  // namespace tandem::roles::b2bua
