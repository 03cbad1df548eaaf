"""Every error of persona-loop, as one tree. Nothing here knows HTTP or exit codes; edges map classes.

PersonaLoopError
├── InvalidInput              what a person sent cannot be used as it is
│   ├── InvalidSlug
│   ├── EmptyText · TextTooLong · ForbiddenCharacter · PasswordTooShort
│   ├── StarsOutOfRange · CorrectionUnchanged · AnswersNotComparable
│   ├── InvalidTemplate
│   ├── AnswerNotInFormat · NoRoute
│   ├── InvalidRecord         one line of an imported file
│   ├── InvalidFieldName      of an imported file, as a person spelt it
│   ├── InvalidRecipe         an unknown key, a misspelt override
│   ├── InvalidGrid           overrides whose combinations cannot be tried
│   ├── InvalidPolicy
│   └── InvalidOpinions       arrays of opinions that do not fit together
├── NotFound
│   ├── UnknownPersona · UnknownAnswer · UnknownVersion · UnknownRecord · UnknownSource
│   ├── UnknownRater · UnknownErasure · UnknownItem · UnknownAccount · UnknownClient
│   ├── UnknownPage           a cursor that no page of the list has
│   ├── UnknownOffer · NothingToCompare
│   ├── NoTrainingSet
│   └── NotYetThere           a persona at an instant before it was created
├── Refused                   well-formed, but the rules say no
│   ├── PersonaExists · PersonaPaused · PersonaArchived · RouteRefused
│   ├── VersionNeverServed · VersionServesAlready · VersionServedBefore · VersionUnsound · NothingToRollBackTo
│   ├── VersionRemoved        its files went by retention
│   ├── VersionTainted        it learnt from a rater who was erased
│   ├── Redacted · RaterErased · ErasedMeanwhile
│   ├── NotPassed             a promotion without a PASS
│   │   └── NotToBeTried · NotToBeApproved    a canary, an approval of a FAIL
│   ├── NotApproved           a promotion that waits for somebody's word
│   ├── SetLearntNow          rows that another run learns at this moment
│   ├── TrainingUnderWay · TooLittleNew   a training that somebody asks for now
│   ├── CanaryOpen · CanaryEnded · NoCanary
│   ├── CanaryCoolingDown     a version that the ratings of its canary took back
│   ├── DecisionOutdated      a PASS against a champion that serves no more
│   ├── AnchorChanged         a PASS against an anchor that is none any more
│   ├── AnchorNotAsked        a candidate's report without one of the anchor beside it
│   ├── GateChanged           a decision that another version of the gate made
│   ├── FingerprintChanged    a version that is not served as it was evaluated
│   ├── BaseUnchanged         a rebase to the base there is
│   ├── ReportsNotComparable
│   ├── NothingToJudge · SetsNotComparable
│   ├── AirflowRefused        a form, a DAG or a run that Airflow does not take
│   │   └── RunExists         a run of a name that there is already
│   ├── PlaceNotEmpty         a restore to where something is
│   ├── NotTheAsker           a rater acting on another rater's answer
│   ├── NotAllowed            nobody signed in, or a role that does not do this
│   ├── WrongPassword · AccountExists · InvitationUnusable · LastAdmin
│   ├── TokenUnusable · ScopeMissing · ClientExists
│   ├── ReviewHeld            somebody else looks at this feedback now
│   ├── ReviewNotHeld         a decision on feedback that the reviewer does not hold
│   ├── OwnWords              a reviewer deciding on what they said themselves
│   ├── KeyReused             a client's key that came with another request before
│   ├── NotAgreed             a rater who did not agree to what is kept of them
│   ├── TooLateToUndo         of what was said more than a minute ago
│   └── FormOutdated          a form of before, sent again after something newer was said
├── Unavailable               try again, or start something first
│   ├── DatabaseUnavailable · EmbeddedDatabaseFailed · AirflowUnavailable
│   ├── InferenceUnavailable · InferenceBusy
│   ├── TooManyAsks · TooManyOwnAsks · TooOften
│   ├── RunTooSlow            a DAG run that did not end in time
│   ├── ServiceDied           a process of the service ended by itself
│   ├── ServiceTooSlow        parts of the service that are not healthy in time
│   ├── VisitFailed           the web app did not serve a simulated person
│   ├── PortTaken · ServiceRuns · AdapterStoreUnavailable
│   ├── AnotherBaseServed     an adapter of one base, a server that holds another
│   ├── BaseNotServed         a base that no inference server holds
│   ├── BackupFailed · RestoreFailed
│   └── SettingsMissing
├── ArtifactError
│   ├── AdapterCorrupt
│   │   └── AdapterAnswersOtherwise   sound files, other answers than when it was evaluated
│   ├── AdapterMissing · AdapterExists · AdapterRefused
│   ├── WeightsOfOtherSize
│   ├── BaseModelMissing · BackupUnusable
│   └── FrozenFileCorrupt
├── TrainingError
│   ├── NoSupervisedTokens
│   ├── ModuleMatchesNothing
│   ├── NothingToLearn
│   ├── RowsTooLong
│   ├── AllPairsEqual · OneClassOnly
│   ├── ReferenceDiffers      a preference stage that does not start from its reference
│   ├── StartUnusable         an adapter that this recipe cannot go on from
│   ├── MemoryTooSmall · MemoryExhausted · ScoringDied
│   ├── CheckpointIncomplete  its weights are not those of the adapter that is scored
│   └── RunBusy
└── DemoFailed                the demo did not show what it is there to show
"""


class PersonaLoopError(Exception):
    """Base of the tree: its text is one sentence that says what happened and what to do."""


class InvalidInput(PersonaLoopError):
    pass


class NotFound(PersonaLoopError):
    pass


class Refused(PersonaLoopError):
    pass


class Unavailable(PersonaLoopError):
    pass


class ArtifactError(PersonaLoopError):
    pass


class TrainingError(PersonaLoopError):
    pass


class DemoFailed(PersonaLoopError):
    def __init__(self, problems: tuple[str, ...]) -> None:
        self.problems = problems
        super().__init__(f"The demo did not hold: {'; '.join(problems)}. See the logs in VAR_DIR/log.")
