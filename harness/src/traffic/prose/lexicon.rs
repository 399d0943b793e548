//! The words that prompts are written with, by what they do in a sentence.
//!
//! All are common: with the space before it, each is one token of most tokenizers. Which of them are, for
//! the tokenizer of a run, [`super::Vocabulary`] finds out. A list begins with a space, so that each word of
//! it has one before it.

/// Words that sentences begin with.
pub(super) const STARTERS: &str = " The This That Each Every Another Some Our Their Your My His Her Its Any Most \
    Many Several No One Two Three";

/// Words that stand before a noun.
pub(super) const DETERMINERS: &str = " the a this that each every another some our their your my his her its any \
    no one the the";

pub(super) const ADJECTIVES: &str = " new old great small large long short high low early late young good better \
    best important different local public real recent clear common final full general human hard free strong \
    possible whole single simple similar certain special main major national social private current direct easy \
    open close true likely medical legal financial technical natural normal physical personal key central \
    complex average basic active available global internal external initial individual original official \
    positive negative primary previous proper separate serious significant specific standard total useful \
    various weekly daily annual quick quiet safe rich fresh bright dark cold warm dry heavy wide \
    deep foreign modern popular regular secret usual";

pub(super) const NOUNS: &str = " time year people way day man thing woman life child world school state family \
    student group country problem hand part place case week company system program question work government \
    number night point home water room mother area money story fact month lot right study book eye job word \
    business issue side kind head house service friend father power hour game line end member law car city \
    community name president team minute idea body information back parent face level office door health person \
    art war history party result change morning reason research girl guy moment air teacher force education foot \
    boy age policy process music market sense nation plan college interest death experience effect class control \
    field development role effort rate heart drug show leader light voice wife police mind report price model \
    source answer note letter order page record table test tool user value view address account agreement amount \
    approach audience bank bed bill board bridge budget camera card center chance charge claim client clock code \
    condition contract cost court customer data date deal decision design detail device difference director \
    doctor document driver email engine event example failure file film finger fire floor food form garden \
    glass goal guide image income industry item key knowledge language lawyer lesson library list location loss \
    machine manager map material matter meeting message method network newspaper object offer officer oil paper \
    patient payment performance phone picture pilot player position practice pressure product project property \
    purpose quality request response risk road rule sample season section security series setting shop signal \
    site situation skill society software solution sound space speech staff stage station step store street \
    structure style subject summer surface task technology theory thought trade train training travel treatment \
    tree trial truth type unit version video village visit wall weather window winter worker writer";

/// Verbs of the past that take an object, for any subject.
pub(super) const VERBS: &str = " found changed moved opened followed checked needed used wanted helped called kept \
    made took gave saw left felt brought met led held built lost paid sent included expected received produced \
    carried created added offered served reached killed raised passed sold required reported covered supported \
    returned developed caused described explained reviewed joined missed watched started stopped finished shared \
    placed pushed pulled noticed removed replaced selected signed studied taught tested visited wrote won \
    discussed accepted allowed answered approved asked considered designed discovered entered examined ignored \
    improved increased reduced managed measured mentioned planned prepared presented prevented protected proved \
    provided published recorded refused remembered revealed saved suggested tried understood updated";

pub(super) const ADVERBS: &str = " now then still never always often already again later early soon today just \
    there here once together almost ever perhaps quickly clearly simply finally usually actually recently \
    certainly probably especially directly easily quite rather indeed";

pub(super) const PREPOSITIONS: &str = " of in to for with on at from by about into over after before between under \
    through without against during near behind beyond across along around toward within";

pub(super) const CONJUNCTIONS: &str = " and but or so because while although since";

/// What a sentence is like: see [`super::Slot::of`] for the letters.
pub(super) const PATTERNS: [&str; 14] = [
    "SNVDN.",
    "SANVDN.",
    "SNVDAN.",
    "SNPDNVDN.",
    "SANVDNPDN.",
    "SNRVDANPDN.",
    "SNVDN,CDNVDAN.",
    "SANPDNVDNCDN.",
    "SNVDNPDAN,CDNRVDN.",
    "SNVDNPDNPDN.",
    "SANVDNCVDANR.",
    "SNPDAN,PDNPDN,VDANR.",
    "SANRVDNPDAN,CDNVDNPDANCDN.",
    "SNVDN,DANCDNPDN.",
];
