"""The cues of fallacies. Each rule is narrow: a cue that ordinary talk uses as well is left out, not guessed at."""

# ruff: noqa: E501 - a table of patterns, one a line

import re
from dataclasses import dataclass
from typing import Final

from udib.core.findings import FallacyKind


@dataclass(frozen=True, slots=True)
class Rule:
    """A cue: a pattern over a sentence in lower case with plain apostrophes."""

    kind: FallacyKind
    pattern: re.Pattern[str]
    confidence: float


INNOCENT: Final = {
    FallacyKind.AD_HOMINEM: "The speaker may only be naming an interest or a record that bears on how far to trust a statement.",
    FallacyKind.STRAW_MAN: "It may be a fair consequence of what the other side said, put pointedly.",
    FallacyKind.SLIPPERY_SLOPE: "The steps may be likely ones, and the speaker may have reasons for each that are not repeated here.",
    FallacyKind.FALSE_DILEMMA: "The other options may have been ruled out before, or the speaker may only be stressing what waiting costs.",
    FallacyKind.HASTY_GENERALIZATION: "The speaker may mean the cases just named, not every case.",
    FallacyKind.APPEAL_TO_POPULARITY: "How many people hold a view may itself be what is being discussed.",
    FallacyKind.APPEAL_TO_TRADITION: "That a custom has lasted may be offered as experience with it, not as proof.",
    FallacyKind.APPEAL_TO_AUTHORITY: "The person may have looked into this very question.",
    FallacyKind.APPEAL_TO_EMOTION: "The feeling may be a fair part of what is at stake.",
    FallacyKind.WHATABOUTISM: "The other case may be a fair test of whether the same measure is used for all.",
    FallacyKind.FALSE_CAUSE: "The speaker may only be reporting the order of events, or know of a cause that is not named here.",
}  # fmt: skip

_SOMEONE = r"(?:someone|somebody|anyone|people|folks|those|a (?:man|woman|guy|person|party|company|politician)|guys)"
_SUBJECT = r"(?:you|he|she|they|we|it|i|this|that|there|the \w+|my opponent|the other side)"
_ALL = (
    r"(?:all|every|everyone|everybody|everything|always|never|nobody|no one|nothing|any|none|whatever|whoever|anything)"
)

_CUES: Final[dict[FallacyKind, tuple[tuple[float, str], ...]]] = {
    FallacyKind.AD_HOMINEM: (
        (0.75, r"\byou(?:'re| are) (?:only|just) (?:against|for|saying|in favou?r of) .*\bbecause you\b|\byou (?:silly|damn|stupid|ignorant|pathetic|egotistic|miserable) \w+"),
        (0.65, r"\byou(?:'re| are) (?:just |clearly |probably )?one of those \w+|\bi(?:'m|m| am) sure you (?:have no|have never|never|don't have|dont have)\b"),
        (0.7, r"\byou (?:clearly |obviously )?(?:dont know|don't have a clue|have no clue|have no idea) (?:what you|how \w+ (?:is|are|works?))\b"),
        (0.65, r"\bif you (?:don'?t|do not) (?:like|agree|see|understand|support|get) [^,]+, you(?:'re| are) (?:\w+ )?(?:soft|stupid|weak|naive|dumb|blind|part of the|a coward|a traitor|not one of)\b"),
        (0.85, rf"\b(?:tak(?:e|ing)|need(?:ing)?|hear(?:ing)?|want|listen(?:ing)? to) (?:\w+ ){{0,3}}(?:advice|lessons?|lectures?|lectured|morals|talk) (?:\w+ ){{0,3}}(?:from|by) (?:{_SOMEONE}|you|him|her|them)\b"),
        (0.8, rf"\b(?:rich|funny|ironic|laughable|something) (?:to hear that )?coming from (?:{_SOMEONE}|you|him|her|the)\b"),
        (0.75, rf"\b(?:trust|believe|listen to|take seriously) (?:a word of |anything from )?{_SOMEONE} (?:who|like)\b"),
        (0.8, r"\b(?:you|he|she)(?:'re|'s| are| is) (?:just |nothing but |clearly |simply |obviously |such )*(?:a |an )(?:\w+ )?(?:liar|hypocrite|idiot|fool|fraud|clown|coward|moron|crook|loser|shill|snob)\b"),
        (0.75, r"\b(?:you|he|she)(?:'re|'s| are| is) (?:just |all |so |clearly |simply |obviously |too )*(?:stupid|dumb|an idiot|ignorant|idiotic|naive|jealous|clueless)\b"),
        (0.8, r"\bwhat (?:would|do|could) (?:you|he|she|they|someone like \w+) (?:even |possibly )?know about\b"),
        (0.7, r"\bof course (?:you|he|she|they)(?:'d| would)(?: \w+)? (?:say|think|defend|want|like|support|love|oppose)\b"),
        (0.75, r"\b(?:easy|convenient) for (?:you|him|her|them|someone|somebody|people|a (?:man|woman)) (?:\w+ ){0,6}?to (?:say|talk|preach)\b|\beasy to say (?:when|if) you(?:'re|'ve| have| are)\b"),
        (0.7, r"\b(?:who are you|who is (?:he|she)|(?:you|he|she)(?:'re|'s) (?:one|in no position|hardly the one)) to (?:talk|tell|lecture|judge|say|speak)\b"),
        (0.65, r"\b(?:you|he|she)(?:'ve| have|'s| has) never (?:\w+ )?(?:worked|held|run|raised|met|had|set foot|done|lived|spent)\b.*\b(?:so|and|but|yet|how can|why should)\b"),
        (0.7, r"\b(?:you|he|she) (?:clearly |obviously |really )?(?:don't|doesn't|have no idea|has no idea) (?:know )?what (?:you're|he's|she's|they're) talking about\b"),
        (0.65, r"\b(?:people|teachers|politicians|\w+s) like you(?:rself)? (?:are|who|that|have|never|always|can't|don't|would|think|will|make|want)\b|\byou people\b"),
        (0.65, r"\b(?:you|he|she) (?:only|just) (?:thinks?|cares?) about (?:money|yourself|himself|herself|your own|his own|her own)\b"),
        (0.65, r"\byou(?:'re| are| must be) (?:just |probably |surely |clearly |obviously )+(?:a|an|one|too|not)\b.*\byourself\b|\b(?:are you|you're|you are) (?:blind|dumb|crazy|insane|kidding yourself|out of your mind)\b"),
        (0.75, rf"\b(?:this|that's rich|all this|strong words|a lecture|big talk) (?:coming )?from (?:{_SOMEONE}|the (?:man|woman|person|guy|party)) who\b|\bsays the (?:man|woman|guy|one|person) who\b"),
        (0.7, rf"\b{_SOMEONE} who(?:'s| has|'ve| have)? (?:never|barely|only ever|can't even|couldn't even)\b.*\b(?:no business|shouldn't|has no right|isn't going to|can't tell|won't be|telling us|lectur\w+|teach)\b"),
        (0.7, r"\b(?:your|his|her|their) (?:paycheck|salary|job|bonus|living) depends on\b|\b(?:i'd|i would) expect (?:that|nothing (?:else|less)|no better) from (?:you|him|her|someone|somebody)\b|\bwhat does (?:a|an|he|she) (?:\w+ )?know about\b"),
        (0.8, rf"\b(?:so|and|then) why (?:would|should|on earth would|do|are) (?:i|we|anyone|anybody|they|\w+ here) (?:\w+ )?(?:listen(?:ing)? to|trust(?:ing)?|believ(?:e|ing)|tak(?:e|ing) (?:advice from|seriously)) (?:a word |anything )?(?:from )?(?:you|him|her|them|{_SOMEONE})\b"),
        (0.7, r"\byou(?:'ve| have|'re| are|'d|r)? (?:only|just|barely|never|hardly) .*\bso (?:i don't|i'm not|don't|forgive|nobody|no one|who|why|what) .*\b(?:you|your)\b"),
        (0.7, r"\b(?:you|he|she|they) (?:sells?|works? for|makes?|gets? paid|earns?|owns?|profits?|can't even|couldn't even)\b.*\bso (?:of course|naturally|obviously|no wonder|why|who|i wouldn't|don't|forgive)\b"),
        (0.65, r"\b(?:that's|this is|it's) (?:a bit )?(?:rich|funny|cute|precious)[, ]+(?:coming |really )?from (?:you|him|her|them|a|an|the|someone|somebody)\b|\b(?:says|said) the (?:man|woman|guy|one|person|party|bloke)\b"),
    ),
    FallacyKind.STRAW_MAN: (
        (0.75, r"\b(?:so |and )?what (?:you|he|she|they|my opponent)(?:'re| are|'s| is)? (?:really|actually|basically|secretly) (?:want|wants|saying|mean|means|after|asking for|proposing|think|thinks)\b"),
        (0.65, r"^(?:and |but )?(?:so|in other words)[ ,]+(?:then,? )?(?:what )?(?:you|he|she|they|my opponent)(?:'d|'re| are|'s| is)? (?:just |really |basically |actually |now )*(?:want|wants|think|thinks|saying|believe|believes|telling (?:us|me)|rather)\b.*\b(?:all|every\w*|always|never|nobody|no one|nothing|no|only|just|whole|simply|forever)\b"),
        (0.7, r"^(?:(?:and|so|but|now|well|look|then|because),? )*(?:you|they|he|she|my opponent|the other side)(?:'d| would)? (?:just |really |simply |actually |all )*(?:want|wants|like|likes|love|loves|have us|rather)(?: us)?(?: to)? (?:\w+ ){0,4}(?:all|every|everyone|everybody|always|never|nobody|no one|nothing|no)\b"),
        (0.6, rf"\b(?:in (?:your|his|her) (?:world|view|book)|according to (?:you|him|her)|by your logic|if it were up to (?:you|him|her|them)),? .*\b{_ALL}\b"),
        (0.6, r"\b(?:you|they|he|she) (?:seem to |seems to )?(?:think|thinks|believe|believes) (?:that )?(?:we|people|everyone|kids|they|children|it) (?:should|can|could|would)? ?(?:just|simply|all)\b"),
        (0.65, r"\b(?:you|he|she|they|my opponent|the other side)(?:'d| would| wants? to| seems? to want to)? (?:have us believe|make us all|be happy to (?:see|let|watch)|love (?:to see|nothing more)|rather (?:see|watch|let|have|people|kids|we|they))\b"),
        (0.65, r"\bso (?:basically|apparently|essentially|in other words),? (?:you|he|she|they|my opponent|the other side)\b|\b(?:so )?(?:your|his|her) (?:answer|plan|solution|idea|big idea|proposal) is (?:just |simply |basically |apparently )?to (?:let|do nothing|ignore|just|make|force|throw|leave|shut|tell|have|wait|abandon|scrap|hand)\b"),
        (0.75, r"^(?:(?:oh|right|ah|wow|great|sure|ok|okay|fine|lovely|well|and|but),? )+so (?:now )?(?:then )?(?:you|he|she|they|(?!i\b|we\b|it\b|the\b)\w+)(?:'d|'re| are|'s| is| would)? (?:just |really |all |basically |actually |now )*(?:want(?:s|ing)?|thinks|believes?|reckons?|saying|telling (?:me|us)|rather|(?<=you )think|(?<=they )think)\b(?! to (?:know|ask|see|say|add|hear)\b)"),
        (0.65, r"^(?:oh|ah|right|great|lovely|sure|wow|okay|ok),? (?:so |and |then )?(?:let's|we should|we'll|why (?:not|don't we)|we can) (?:just |all )?(?:ban|scrap|shut|close|stop|abolish|let|give up|go back|throw|get rid|arrest|lock)\b"),
    ),
    FallacyKind.SLIPPERY_SLOPE: (
        (0.65, r"\bif (?:we|you|they) [\w ]{2,25}\bone \w+, (?:then )?(?:all|every|everyone|everybody)\b|\bif (?:you|we|they) [\w ]{2,25}\b(?:just )?once,? (?:you|we|they)(?:'ll| will) never\b"),
        (0.8, r"\b(?:first|today|this (?:year|week|month|spring|summer|fall|winter)|start(?:s)? with)\b.*\b(?:then|next \w+|tomorrow|soon) .*\b(?:before (?:long|you know it)|and (?:one day|finally|eventually|pretty soon|before you know it)|until (?:there|nobody|no one|nothing|everything|we|you)|where does it)\b"),
        (0.75, rf"\b(?:before (?:long|you know it)|(?:the )?next thing you know|pretty soon|soon enough),? (?:\w+ )?(?:{_SUBJECT}|all|every\w*|no|nobody|nothing)(?:'ll|'d|'s|'re)? .*\b(?:no|nothing|nobody|isn't|won't|can't|all|every\w*|ban(?:s|ned|ning)?|gone|left|end up|forc\w+|tell\w*)\b"),
        (0.7, r"\b(?:where (?:does|will|would) (?:it|this|that) (?:all )?(?:end|stop)|what(?:'s| is| comes) next)\b.*\?"),
        (0.7, r"\b(?:once|if|when) (?:you|we|they) (?:start|begin|allow|let|permit|open|give|accept|ban|tax|hand over|legali[sz]e|go down)\b.*\b(?:soon|next|before long|eventually|end up|no stopping|no end|never (?:stop|end|get)|the end of|wind up)\b.*"),
        (0.65, r"\b(?:slippery slope|thin end of the wedge|opens? the (?:door|floodgates) (?:to|for)|camel's nose)\b"),
        (0.7, r"\btoday (?:it's|they|it is|we|you)\b.*\btomorrow (?:it's|it'll|they|it will|we|you)\b"),
        (0.75, r"\bit (?:starts|begins|started) with\b.*\b(?:ends?|before long|and then|next|soon)\b|\bgive (?:them|him|her|you|people) an inch\b"),
        (0.65, r"\b(?:how long|it won't be long|it's only a matter of time) (?:before|until|till)\b"),
        (0.7, r"\b(?:first|today|start with|now)\b.*[,;] (?:and )?(?:then |soon )?next (?:it'll|it's|it will|they'll|they|you'll|we'll|comes|up|thing)\b"),
        (0.7, r"\bfirst (?:it's|it was|it is|they (?:come|came) for)\b.*\b(?:then|next|after that) (?:it's|it'll|they (?:come|came)|comes)\b"),
    ),
    FallacyKind.FALSE_DILEMMA: (
        (0.7, r"\bif [^.]*\b(?:100 ?%|100 percent|a hundred percent|everyone|everybody|perfect(?:ly)?|completely)(?:,| then| it| they)[^.]{0,12}(?:is|are|'s|'re) (?:\w+ )?(?:ineffective|useless|pointless|worthless|no good)\b"),
        (0.65, r"\bif [^.]+ can [^.]+, (?:it|they|he|she) (?:cannot|can't|can never) be (?:beneficial|good|safe|useful|right|healthy)\b|\bif [^.]+ (?:worked|were effective|was effective|did any good),? [^.]+ (?:would not|wouldn't) have happened\b"),
        (0.6, r"^(?:well,? |so,? )?either (?!way|one|side|of)(?:\w+ ){2,9}or (?:it|they|he|she|you|we|is|does|stays?|goes)\b(?! [\w ]*,? (?:i'm|i am|i don't) (?:not )?sure)"),
        (0.7, r"\beither (?:we|you|they|he|she|it's|the \w+) .*\bor (?:else )?(?:we|you|they|he|she|it's|the \w+|there)(?:'ll|'re)?\b"),
        (0.75, r"\b(?:we|you) (?:\w+ ){1,4}(?:now|today|tonight|this year)?,? ?or (?:else )?(?:we|you)(?:'ll| will| can)? (?:just |simply |might as well )?(?:\w+ )?(?:lose|wave|watch|kiss|say goodbye|accept|surrender|give up|condemn|abandon|let|die|go|bury|forget|never|close|end up|sit)\b"),
        (0.7, r"\b(?:there are )?only two (?:choices|options|ways|kinds|paths|roads|possibilities|sides)\b|\bit's (?:either )?one or the other\b|\bthere(?:'s| is) no (?:middle (?:ground|way)|third (?:way|option)|other (?:way|choice|option))\b"),
        (0.65, r"\b(?:you're|you are|either) (?:either )?(?:with us or against us|for (?:us|it|them) or against)\b|\bif you(?:'re| are) not (?:with|for) .*\byou(?:'re| are) (?:against|with|for|part)\b"),
        (0.6, r"\bif (?:we|you|they) don't .*\b(?:then )?(?:the only (?:other )?(?:option|choice|alternative|thing left)|we(?:'re| are| will be|'ll be) (?:all )?(?:doomed|finished|lost|dead))\b"),
        (0.65, r"\bthe (?:only (?:other )?(?:choice|alternative|option)|choice) is (?:simple|clear|between)\b|\bit's (?:this|now|us|him|her|that|them) or (?:nothing|never|chaos|them|ruin|collapse)\b"),
        (0.65, r"[,;\u2014-] or else (?:we|you|it|they|our|the|there|everybody)\b|\bit's (?:either )?all or nothing\b|\byou can't be (?:both|a little)\b"),
        (0.65, r"\bunless (?:we|you|they) .*,? (?:we|our|the|there|every|nobody|no one|you)\b.*\b(?:will|'ll|going to) .*\b(?:die|lose|collapse|gone|be no|vanish|disappear|perish|doomed|nothing left|the end)\b"),
        (0.65, r"\b(?:you|we) (?:either|can either) .*\bor (?:you|we)\b|\bif you(?:'re| are)n't (?:for|with) .*\byou\b|\bif you (?:don't|won't) (?:support|back|vote for|want) (?:this|it|that),? (?:then )?you (?:must|don't|want|hate|clearly|obviously|are)\b"),
    ),
    FallacyKind.HASTY_GENERALIZATION: (
        (0.7, r"\b(?:is|are|was) (?:sufficient|enough) (?:evidence )?to (?:make|draw) (?:general )?conclusions?\b|\b(?:is|are) representative of (?:all|everyone|everybody|the (?:whole|entire) population)\b"),
        (0.7, r"\bif (?:one|a single) [\w ]+,? then (?:they|we|it|you) (?:\w+ )?all\b|\bif [\w ]+ one (?:type|kind) of [\w ]+,? it (?:can|will|must) (?:\w+ )?all\b"),
        (0.65, r"\b(?:in my (?:own )?(?:region|neighbou?rhood|street|village|family|school)|for me|i (?:did|do|have done|drove|used|tried|had) [\w ]+)\b.*\b(?:and (?:nobody|no one|nothing) (?:died|got hurt|was hurt|happened)|(?:therefore|so) (?:it is|it's|there is) no problem|(?:bad|good) for all)\b"),
        (0.65, r"\b(?:do you )?remember [\w' ]+\?.*\ball \w+ (?:\w+ )?are\b|\b(?:i'?m|i am) sure (?:all )?(?:his|her|their|the other|these|those) [\w ]+ are all\b"),
        (0.7, r"\bthat(?:'s| is) (?:just )?(?:how|the way|what) (?:all )?(?:these|those|people|such|they(?= (?:are|all))) (?:\w+ ){0,3}?(?:are|do|work|think|behave|operate|act|treat)\b"),
        (0.7, r"\b(?:they(?:'re| are) all (?:alike|like that|the same,)|\w+s are all (?:lazy|greedy|liars?|criminals?|crooks|corrupt|terrorists?|stupid|evil|violent|the same people))\b|\bthey(?:'re| are) all (?:like that|lazy|greedy|corrupt|liars|crooks|criminals|thieves|in it for)\b"),
        (0.65, r"\b(?:all|these|those|every|most) (?:of (?:them|these|those) |the )?(?:\w+ ){0,2}(?:people|\w+s) (?:are|is) (?:just |all |simply )*(?:the same|alike|like that|lazy|greedy|corrupt|liars|crooks|stupid|dangerous|criminals?|useless|selfish|evil)\b"),
        (0.7, r"\b(?:which|that|it|this) (?:just |only )*(?:goes to show|tells you (?:all|everything)|shows you (?:how|what|that) (?:all|every|these|those|they)|proves (?:that )?(?:all|every|none|nobody|no|they|these|those))\b"),
        (0.7, r"\b(?:i|my \w+|we) (?:\w+ )?(?:know|knew|met|had|tried|saw|bought|visited|once)\b.*\b(?:so|therefore|which means)\b,? (?:\w+ )?(?:all|every\w*|nobody|no \w+|none|they all|these|those|it (?:never|always))\b"),
        (0.6, r"\byou (?:can't|cannot|can never|should never) trust (?:any|a single|these|those|them|an?) \w+"),
        (0.65, r"\b(?:those|these) (?:people|guys|types|folks|\w+ers|\w+ists)(?:,)? (?:always|never|only|just) (?:want|care|do|lie|think|look|try|work)\b|\bpeople like (?:that|them|him|her) (?:always|never|only|will)\b"),
        (0.6, r"\b(?:seen|met|know|meet) one\b.*\b(?:seen|met|know) them all\b|\btypical of (?:all|them|these|those)\b"),
        (0.65, r"\b(?:worked|works|was (?:good|bad|enough)|did it) for (?:me|him|her|my \w+|us)\b.*\b(?:so|and|will)\b.*\b(?:for )?(?:all|every\w*|anyone|anybody)\b"),
        (0.6, r"\b(?:in|on|at) my (?:\w+ )?(?:neighbou?rhood|town|street|school|family|village|class|office|case|city|country),? (?:\w+ ){0,3}(?:no|nobody|not one|every\w*|all)\b.*\b(?:so|therefore|which proves|that proves)\b"),
        (0.7, r"\bevery (?:single )?(?:\w+ ){1,2}i(?:'ve)? (?:ever )?(?:met|known|seen|talked to|worked with|tried|had|know)\b|\bthat's (?:\w+s|a \w+) for you\b"),
        (0.65, r"\b(?:i|we|my \w+) (?:know|knew|met|had|tried|saw|once|went|bought|talked)\b.*\b(?:so|and)\b (?:clearly|obviously|evidently|that tells|that's how|that proves|that shows|you know)\b.*\b(?:they|all|these|those|every\w*|nobody|never|always|none|don't|can't|\w+s)\b"),
        (0.6, r"\b(?:kids|young people|teenagers|politicians|men|women|students|bosses|rich people|old people) (?:today|these days|nowadays)? ?(?:just |simply )?(?:don't care|only care|can't be trusted|never (?:listen|learn|change|work)|always lie)\b"),
        (0.6, r"\b(?:my|one|a|an|two|our|his|her) [\w']+ .*\b(?:so|which means|that's how you know|that just shows|proves) (?:that )?(?:they|these (?:things|\w+s)|those (?:things|\w+s)|all|none of|no|every|the whole thing|nobody|it|the things?|\w+s)(?:'re| are| is|'s)? (?:\w+ly |just |all )?(?:don't (?:\w+ )?work|doesn't (?:\w+ )?work|never work|useless|rubbish|junk|broken|a scam|scams|a joke|dangerous|worthless|overrated|garbage|no good|can't be trusted)\b"),
    ),
    FallacyKind.APPEAL_TO_POPULARITY: (
        (0.8, r"\b(?:millions|thousands|billions|hundreds|a (?:hundred|thousand|million|billion)|that many|so many|all (?:of )?(?:these|those|them)|everyone|everybody|all|a whole|the whole|an entire)\b.*\b(?:can't|cannot|couldn't|don't|doesn't|won't) (?:\w+ ){0,6}?(?:be|get|have) (?:\w+ ){0,5}?wrong\b"),
        (0.65, r"\b(?:everybody|everyone|every single person|the whole (?:\w+)|all of \w+) (?:\w+ ){0,4}?(?:wants|knows|agrees|thinks|believes|can see|loves|supports|uses|does) (?:it|this|that|so|them|him|her|with me|with us|already)\b(?! (?:is|are|was|were)\b.*\?)"),
        (0.65, r"\b(?:everybody|everyone)(?:'s| is| else is) (?:already )?(?:doing (?:it|this|that)|on board|using (?:it|them)|buying)\b|\b(?:everybody|everyone) (?:else )?(?:already )?does it\b"),
        (0.65, r"\b(?:everybody|everyone|all the world|nobody) (?:in (?:this|the) (?:\w+)|on my \w+|i (?:know|meet|talk to)|around here|in my \w+|at my \w+)\b.*\b(?:wants?|knows?|agrees?|thinks?|believes?|says?|disagrees?|doubts?)\b"),
        (0.6, r"\b(?:so many|millions of) (?:people|\w+s) .*\b(?:so it|there must|it must|must be|has to be)\b.*\b(?:right|true|good|something to it|something in it|work\w*)\b"),
        (0.7, r"\b(?:ask|just ask|go ask) (?:anyone|anybody|everyone)\b|\b\d[\d,.]*(?: (?:million|thousand|percent of))?(?: of)?(?: the| our)? \w+ can't (?:all )?be wrong\b"),
        (0.65, r"\b(?:the|this) (?:whole|entire) (?:town|country|world|internet|class|school|city|neighbou?rhood|office|team|village|planet) (?:already )?(?:knows|says|loves|wants|thinks|agrees|uses|does it|is (?:doing|using|behind|for))\b"),
        (0.75, r"\b(?:millions|thousands|hundreds|billions|everyone|everybody|most people|all my friends|half the country|nobody else|so many people|the whole \w+)\b.*\b(?:so|and) (?:it|they|that|this|there|we|you|he|she)(?:'s| is|'re| are)? (?:can't|cannot|couldn't|must|has to|have to|got to|clearly|obviously|surely)\b"),
    ),
    FallacyKind.APPEAL_TO_TRADITION: (
        (0.75, r"\b(?:have|has|'ve|'s) always \w+.*\b(?:and|so|why)\b.*\b(?:not our place|no (?:reason|need|business)|why (?:change|should|would|stop)|who are we|shouldn't (?:change|touch|stop)|let's (?:not|keep)|leave it|good enough|(?:tear|throw|change|give|break) (?:that|it|this) up|worked|works?|fine)\b"),
        (0.75, r"\bthat(?:'s| is) (?:just |simply )?(?:the way|how|what) (?:it's|it has|we've|we have|things have|this \w+ has|they've) always (?:been|done|worked|gone|had)\b|\bwe've always done (?:it|things|this)\b"),
        (0.7, r"\b(?:for (?:generations|centuries|(?:a |two |three )?(?:hundreds?|thousands?) (?:of )?years|as long as (?:anyone|anybody) (?:can|could) remember)|since (?:time immemorial|my grandfather\S* day))\b.*\b(?:so|why|not (?:the time|our place)|no (?:reason|need)|and (?:it|that)(?:'s| has)? (?:work\w*|serv\w*|fine)|and (?:nobody|look))\b"),
        (0.7, r"\b(?:good enough|worked|did fine|did just fine|was fine|got by|managed)\b.*\b(?:my|our|your|their) (?:parents|grandparents|fathers?|mothers?|grandfathers?|grandmothers?|ancestors|forefathers|elders)\b"),
        (0.7, r"\b(?:my|our|your|their) (?:parents|grandparents|fathers?|mothers?|grandfathers?|grandmothers?|ancestors|forefathers|elders) (?:\w+ ){0,6}?(?:never needed|didn't need|got by|managed|did (?:it|fine|without)|always (?:did|had|went|used|made)|turned out)\b"),
        (0.6, r"\b(?:time-honou?red|tradition (?:says|demands|matters)|against (?:our|every) traditions?|(?:our|a) (?:long|proud|great) tradition)\b"),
        (0.75, r"\b(?:always (?:has|have) been|always was|always were),? (?:and |so )?(?:it |they |we |that |this )?(?:always )?(?:will|should|must|ought)\b|\bturned out (?:just |perfectly )?(?:fine|okay|ok|all right)\b"),
        (0.7, r"\b(?:has|have|'s|'ve) (?:worked|served|done|been (?:good|fine)) (?:\w+ ){0,5}for (?:generations|centuries|decades|as long as|(?:a |two |three |four |five )?(?:hundreds?|thousands?) (?:of )?years|over a (?:century|hundred))\b|\b(?:ain't|isn't|wasn't|not) broken?,? (?:so )?(?:don't|why|let's not)\b"),
        (0.75, r"\b(?:always|ever since|for (?:years|generations|decades|centuries)|all (?:my|our|their) (?:life|lives))\b.*\b(?:(?:reason|good) enough|so (?:that's (?:what|how)|why (?:change|would|should|stop)|we should|you should|we ought|there's no (?:reason|need)|leave|let's keep|keep|it stays)|no reason to (?:change|stop))\b"),
    ),
    FallacyKind.APPEAL_TO_AUTHORITY: (
        (0.7, r"\bbecause (?:i|my \w+|he|she|they) (?:always )?(?:says?|said|told me|tells? me|tell me) so\b|\bask (?:a|any|my) [\w ]{3,30},? (?:he|she|they)(?:'ll| will)? (?:all )?tell you\b"),
        (0.65, r"\b(?:my (?:\w+ )?(?:mama|mum|mom|mother|father|dad|brother|sister|son|daughter|gran\w+|uncle|aunt|friend|nutritionist|coach|barber)|a friend of mine)\b.{0,40}\b(?:says?|said|told me),? (?:that )?.*\b(?:should(?:n't)?|deserves?|important|need(?:s|ed)? to|don't need|healthy|unhealthy|bad for|good for|too \w+|does not do|no good|either)\b"),
        (0.6, r"\bi should know,? (?:because )?i\b|\bi know what i(?:'m| am) talking about\b|\bfrom my \w+[ -](?:team|class|club) told me\b"),
        (0.75, r"\b(?:if|since|when) (?:it's|it is|it was|that's|he|she|they|even|the) ?.{0,40}\bgood enough for (?!me\b|you\b|us\b)[\w .]+,? (?:then )?(?:it|that|we|it's)\b"),
        (0.75, r"\b(?:famous|celebrated|award-winning|movie|film|rock|pop|star|tv|television|nobel|oscar|olympic|billionaire|celebrity|best-selling|legendary|world-class) (?:\w+ ){0,3}?(?:says?|said|told|believes?|endorses?|agrees?|swears?|recommends?|uses|backs|signed|supports?|calls?|eats|thinks?)\b"),
        (0.7, r"\b(?:he|she|they|a (?:doctor|professor|scientist|\w+)) (?:should|would|must|ought to) know\b|\bwho (?:am i|are you|are we) to (?:argue|disagree|question|doubt)\b"),
        (0.7, r"\b(?:so|and|because) (?:it|that|this)(?:'s| is| must be| has to be) (?:true|right|settled)\b.*\b(?:professor|doctor|expert|scientist|teacher|priest|president|boss|celebrity|actor)\b|\b(?:professor|doctor|experts?|scientists?|teacher|priest|president|boss|actor|singer|uncle|cousin|dentist)s? (?:\w+ ){0,4}?(?:says?|said|told|thinks?|believes?|agrees?|does)\b.*\b(?:so (?:it|that|this)|that settles|end of (?:story|discussion|the)|case closed|good enough|must be|has to be)\b"),
        (0.6, r"\beven (?:the )?(?:pope|einstein|oprah|president|queen|king|prime minister|darwin|lincoln|churchill|gandhi) (?:\w+ )?(?:said|says|agrees|agreed|thinks|thought|believed|believes|wanted|knew)\b"),
        (0.65, r"\bmy (?:\w+ )?(?:teacher|priest|pastor|dad|father|mom|mother|aunt|uncle|brother|sister|cousin|boyfriend|girlfriend|wife|husband|friend|coach|neighbou?r|doctor|dentist|hairdresser|barber|boss|professor|grand\w+|son|daughter|mechanic) (?:also |always |\w+ed and )?(?:says?|has the opinion|agrees|swears|believes|is (?:convinced|certain|sure)|told me),? (?:that )?(?!(?:hi|hello|goodbye|sorry|thanks|she|he|to|about)\b)\w+"),
        (0.7, r"\bif (?:even )?(?:[a-z.']+ ){1,4}?(?:says|thinks|believes|said|uses|does|likes|trusts|swears by) (?:so|it|that|this|them)?,? (?:then )?(?:it(?:'s| is| must)|that(?:'s| is)|who (?:are|am)|i'm|i am|we should|you should|there's)\b"),
        (0.75, r"\b(?:my|our|the|a) [\w' ]+, .*\b(?:says?|said|reckons?|told (?:me|us)|swears?)\b.*\b(?:so that(?:'s| is| settles)|that's (?:that|good enough|settled)|settled|case closed|end of (?:story|discussion)|good enough for|enough for me|i trust)\b"),
        (0.65, r"\b(?:he|she|they)(?:'s| is|'re| are|'ve| has| have)? (?:a|an|won|got|written|been) .*\bso (?:he|she|they)(?:'d| would| must| should| has to|'s got to| obviously| clearly)? (?:\w+ )?(?:know|knows|right|understand|understands)\b"),
        (0.65, r"\b(?:champion|actor|actress|singer|rapper|striker|footballer|chef|model|influencer|youtuber|presenter|astronaut|athlete|player|boxer|quarterback|guitarist|billionaire|ceo|goalkeeper|comedian|novelist|director)s?\b.*\b(?:says?|said|swears?|reckons?|eats?|uses?|thinks?|told|recommends?|believes?|agrees?)\b.*\b(?:so|and (?:he|she|they|who|that's|if)|good enough|should know|argue)\b"),
    ),
    FallacyKind.APPEAL_TO_EMOTION: (
        (0.7, r"\bso cu+te+\b|\b(?:fluffy|cute|sweet|poor|innocent) (?:little )?(?:bunn(?:y|ies)|monkeys?|animals?|pupp(?:y|ies)|kittens?|cows?)\b|\bdeserves? to suffer\b"),
        (0.65, r"\bthink (?:of|about) (?:the|all (?:the|those|these)) (?:(?:poor|little|innocent) )?(?:children|kids|cows|animals|babies|families|grandmas) (?:he|she|they|who (?:will|would|have to|are dying))\b|\bthink(?:s)? (?:of|about) (?:the|all (?:the|those|these)) (?:poor|little|innocent) \w+"),
        (0.65, r"\bwould(?:n't| not)? (?:\w+ )?want (?:my|your) (?:own )?(?:daughter|son|mother|child|kids?|family) to (?:get|be|die|suffer|end)\b|\bhurt your (?:own )?(?:mother|child|children|family)\b|\b(?:will|would) be (?:so|too) sad\b"),
        (0.7, r"\b(?:imagine|think (?:of|about)|picture|look at|tell that to)\b.*\b(?:child|children|kids?|daughter|son|baby|babies|mother|mothers|grandmother|orphans?|widow|puppy|family|families|animals?)\b.*\b(?:cry(?:ing)?|cries|dying|dies?|dead|alone|tears|suffer\w*|scared|afraid|shiver\w*|hungry|starv\w*|cold|bleed\w*|sob\w*|grave|funeral|pain|lost|without)\b"),
        (0.75, r"\b(?:won't|will|would|can't) (?:somebody|someone|anybody|anyone|nobody|you) (?:please )?think (?:of|about) the\b"),
        (0.75, r"\b(?:how (?:do|can|could) (?:you|they|he|she|we|anyone) (?:sleep|look \w+ in the|live with|be so (?:cold|heartless|cruel)))\b|\bhave you no (?:heart|shame|decency|conscience)\b"),
        (0.75, r"\bblood (?:is |will be )?on (?:your|their|our|his|her) hands\b|\bif you (?:had|have) (?:a|any) (?:heart|conscience|soul|decency)\b|\b(?:only )?(?:a )?(?:heartless|monster)\b.*\b(?:would|could)\b"),
        (0.65, r"\b(?:it )?breaks my heart\b.*\b(?:so|that's why|we must|vote|support)\b|\bhow would (?:that|you) feel\b"),
        (0.6, r"\b(?:makes me (?:cry|so sad|want to cry)|i could cry|no more (?:blood|tears)|so (?:sad|cruel|heartbreaking) that|(?:poor|innocent|helpless),? (?:and )?(?:\w+ )?(?:children|kids|babies|animals|baby|creatures|bunnies|souls))\b"),
        (0.75, r"\bhow many (?:more )?(?:\w+ )?(?:children|kids|people|families|mothers|lives|fathers|babies|animals) (?:have to|must|need to|will|are going to) (?:\w+ )?(?:die|suffer|cry|starve|bleed|lose|be)\b|\btell that to (?:the|a|that|those|my|your) (?:\w+ )?(?:mother|father|widow|family|families|child|children|parents?|girl|boy|kids?|nurse|grandmother|orphan)\b"),
        (0.7, r"\blook (?:\w+ ){1,5}in the eyes?\b|\bsleep at night\b|\b(?:little|small|young|old|poor|frightened) (?:girl|boy|child|baby|puppy|woman|man|mother|dog) (?:crying|shivering|sobbing|begging|alone|who will never|asking)\b"),
        (0.7, r"\b(?:imagine|think (?:of|about)|picture|look at|remember|tell that to|try telling|what (?:do|would) (?:you|i|we) (?:say|tell)(?: to)?)\b.*\b(?:pensioners?|gran|granny|grandad|nan|elderly|old (?:lady|man|woman|folks?|people)|toddlers?|newborns?|babies|patients?|kids?|child(?:ren)?|mothers?|mum|daughter|son|boy|girl|farmers?|nurses?|widows?|lambs?|calf|calves|puppy|puppies)\b.*\b(?:freez\w+|shiver\w*|chok\w+|wheez\w+|gasp\w*|cough\w*|cancer|coffin|blankets?|dark|huddl\w+|begg?\w*|weep\w*|tears|crying|sobbing|starv\w+|hungry|bury\w*|buried|scream\w*|bleed\w*|slaughter\w*|torn|alone|cold)\b"),
    ),
    FallacyKind.WHATABOUTISM: (
        (0.8, r"\bbefore (?:you|we|they|he|she|anyone) (?:\w+ )?(?:lectures?|lecturing|complains?|complain|talks?|worr(?:y|ies)|critici[sz]es?|blames?|points?|preach\w*|accuses?|judges?|attacks?|goes? after|start\w*|come)\b.*\b(?:what about|how about|look at|take a look|ask|explain|fix|clean|why (?:don't|doesn't))\b"),
        (0.7, r"\b(?:and |but )?what about (?:your|his|her|their|the (?:time|day|year|way|millions|billions|damage|mess|money))\b.*\?"),
        (0.7, r"\b(?:and |but )?what about (?:you|when (?:you|he|she|they)|all the)\b.*\b(?:who|which|that|did|had|were|was|cut|took|voted|lost|broke|built|closed|left|spent)\b"),
        (0.6, r"\b(?:and |but )?what about [\w' ]+, (?:who|which|where|that)\b.*\?"),
        (0.8, r"\blook who's talking\b|\b(?:you're|you are|he's|she's) (?:a fine )?(?:one|person) to talk\b|\bpot calling the kettle\b|\b(?:clean up|sweep|put|get) (?:in front of )?your own (?:house|back ?yard|door|kitchen|doorstep)\b|\bpeople in glass houses\b"),
        (0.75, r"\bwhere (?:was|were) (?:you|your|this|that|all (?:this|that|your|the)|the) (?:\w+ )?(?:outrage|concern|worry|you|anger|principles?|objections?|complaints?|when)\b"),
        (0.65, r"\b(?:why (?:don't|do|aren't|does|doesn't|is|isn't) (?:you|nobody|anybody|anyone|no one|she|he) (?:ever )?(?:talk|talking|complain\w*|mention\w*|say anything|worr\w+|upset|critici[sz]e))\b.*\babout\b"),
        (0.65, r"\b(?:you|your (?:side|party|people|own \w+)) (?:did|do|does) (?:exactly |just )?(?:the same|it too|that too|much worse)\b"),
        (0.7, r"\b(?:funny|strange|odd|curious|interesting) (?:how|that) (?:you|he|she|they|nobody|no one) (?:never|don't|didn't|doesn't|only|forgets?|forgot|ha(?:s|ve) nothing)\b|\band yet (?:you|he|she|they|nobody) (?:say|says|said) nothing\b"),
        (0.75, r"\b(?:you|your side|they|nobody|he|she) (?:never |didn't |had no )(?:complain\w*|said|say|mind\w*|object\w*|problem|worr\w+|seem\w* to mind)\b.*\bwhen\b|\byou want to talk about\b.*\b(?:let's|what about|how about|then)\b"),
        (0.8, r"\b(?:sort|fix|clean|deal with|take care of|pay|mend|look after|try|answer|solve|stop|start with) .*\bbefore (?:you|they|he|she|anyone) (?:(?:come|start|go|even|dare|begin) )*(?:lectur\w+|preach\w*|tell(?:ing)?|complain\w*|talk(?:ing)?|worry\w*|point\w*|judg\w+|moan\w*|ask(?:ing)?)\b"),
    ),
    FallacyKind.FALSE_CAUSE: (
        (0.65, r"^(?:and )?therefore,? [^.]*\b(?:caus(?:es|ed)|(?:is|was|must be) (?:a|the) cause of)\b|\balone (?:influences?|causes?|explains?|determines?|is responsible for)\b"),
        (0.7, r"\b(?:that|it|this)(?:'s| is|'s hardly| is hardly) (?:no|not a|hardly a|hardly|not) (?:coincidence|accident)\b|\bcoincidence\?|\b(?:is (?:that|it|this)|call that|just) a coincidence\b"),
        (0.7, r"\b(?:ever since|right after|(?:the|a|one) (?:\w+ )?(?:day|week|month|year|moment|minute|second|summer|winter|spring|fall)s? (?:after|later|that)|as soon as|no sooner|two \w+ later|since)\b.*\b(?:so (?:it's|clearly|obviously|it must|there|that|the|you)|that(?:'s| is) (?:why|what|proof|because)|no wonder|which (?:proves|shows)|proves|must have|you tell me|do the math|draw your own|connect the dots|blame)\b"),
        (0.65, r"\b(?:and )?(?:guess what|what do you know|lo and behold|sure enough|wouldn't you know it)\b.*\b(?:after|later|since|when|went|rose|fell|dropped|jumped|started|got|began|doubled|up|down)\b"),
        (0.65, r"\b(?:you can't|don't|nobody can) tell (?:me|us) (?:that )?(?:that(?:'s| is)|those|there(?:'s| is)|the two|these|it's|one)\b.*\b(?:connect\w*|related|coincidence|link\w*|chance|nothing to do)\b"),
        (0.6, r"^(?:(?:and|so|but|look|well),? )*(?:ever )?since (?:we|they|you|he|she|the|this|that|it) .*\b(?:has|have|'s|'ve) (?:\w+ )?(?:risen|fallen|dropped|gone (?:up|down)|doubled|tripled|soared|collapsed|gotten worse|got worse|exploded)\b"),
        (0.65, r"\b(?:you do the math|do the math|work it out|draw your own conclusions?|i rest my case|need i say more|connect the dots|what else (?:could|would|can) (?:it|explain|have|possibly))\b"),
        (0.65, r"\bthe very (?:next|same) (?:day|week|month|year|morning|summer|season)\b|\b(?:the|that) (?:same )?(?:moment|day|week|month|year|minute) (?:we|they|you|he|she) .*,? (?:and )?(?:suddenly|all of a sudden|right away|immediately|just like that)\b"),
        (0.7, r"\b(?:within (?:the|a|\w+) \w+|soon after|(?:right|straight|shortly|just) after(?:wards| that)?|after that|the (?:next|following|same) (?:day|week|month|year|summer|winter)|a (?:\w+ )?(?:day|week|month|year|season)s? later|not long after)\b.*\bso (?:it's|we (?:all )?know|you know|clearly|obviously|it must|it has to|that's|that is|there|the|don't|tell me|blame|of course|now we)\b"),
        (0.7, r"\bso (?:it|that)(?:'s| is| was| must be| must have been| has to be|'s got to be) (?:(?:obviously|clearly|plainly|definitely|surely|all) )*(?:the |those |these |that |your |their |our )?[\w-]+(?: [\w-]+)? that(?:'s|'re)? (?:\w+ )?(?:did|caus(?:ed|ing|es)|doing|to blame|kill(?:ed|ing|s)|ruin\w+|made|makes|fixed|cured|saved|worked|works|broke|started)\b"),
    ),
}  # fmt: skip

# What the other side is told to be saying, or what is only asked, is not the speaker's own argument.
ABSTAIN: Final = re.compile(
    r"\bi'm not saying\b|\bi am not saying\b|\bisn't (?:that|to say)\b|\bit's a fallacy\b|\bi don't (?:think|believe|say)\b"
    r"|\bif i understand\b|\bdo you mean\b|\bcorrect me\b|\bam i right\b"
    r"|\bthat(?:'s| is) (?:no excuse|(?:just |simply )?(?:nonsense|a (?:silly|stupid|foolish|wrong|false)))\b"
)

RULES: Final = tuple(
    Rule(kind, re.compile(pattern), confidence) for kind, cues in _CUES.items() for confidence, pattern in cues
)
