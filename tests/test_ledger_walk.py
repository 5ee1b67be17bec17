"""Every place that drops anything is in the ledger, or loses nothing.

The walk finds the idioms by which rows, columns and items are dropped, in every function of
evalkit. A function that has one makes a record of the ledger itself, or is in WRITTEN with the one
that does, or is in NOTHING_LOST with the reason. A new one fails here until it is."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.dropping import droppers, dropping, functions, writes

WRITTEN = {
    "results.parquet:_cells": "results.parquet:read_parquet",
    "results.parquet:rows": "results.cells:_checked",
    "run.trial_labels:agreed": "run.trial_labels:_records",
    "run.trial_labels:_consistent": "run.trial_labels:_records",
    "cohorts.columns:_pooled": "cohorts.columns:_left_out",
    "cohorts.postcodes:_homes": "cohorts.postcodes:_movers",
    "cohorts.speakers:_numbers": "cohorts.speakers:named_speakers",
    "compare.baseline:_cell": "compare.pairing:left_out",
    "exports.publication:_large_enough": "exports.publication:_gone",
    "exports.publication:kept": "exports.publication:_gone",
    "exports.publication:published": "exports.publication:_gone",
    "exports.publication:_unnamed": "exports.publication:_gone",
    "exports.subtraction:of": "exports.publication:_gone",
    "compare.baseline:_others": "compare.baseline:_unused",
    "compare.baseline:_scores": "compare.completeness:in_one_only",
    "compare.baseline:_trials": "compare.completeness:in_one_only",
    "compare.baseline:freeze": "statistics.grouping:not_usual",
    "compare.completeness:_differing": "compare.completeness:in_one_only",
    "compare.completeness:measured": "compare.completeness:in_one_only",
    "compare.completeness:parts": "compare.completeness:in_one_only",
    "compare.completeness:defined": "compare.comparison:_not_judged",
    "compare.pairing:_matched": "compare.completeness:in_one_only",
    "compare.reruns:_means": "compare.completeness:in_one_only",
    "corpora.companies:_silent": "corpora.companies:record",
    "corpora.companies:voices_of": "corpora.companies:record",
    "corpora.sessions:_differing": "corpora.companies:record",
    "corpora.sessions:_unlike": "corpora.companies:record",
    "corpora.timing.files:_text_grids": "corpora.timing.timed:_written",
    "corpora.readers.clean_noisy:voicebank_demand": "corpora.readers.clean_noisy:clean_noisy",
    "corpora.readers.jsonl:_metadata": "corpora.readers.jsonl:_unused",
    "corpora.readers.table:_read": "corpora.readers.base:read_rows",
    "metrics.score_files:_most_frequent": "metrics.score_files:_malformed",
    "metrics.meetings.counting:_missing": "metrics.meetings.counting:_record",
    "metrics.meetings.counting:common_sessions": "metrics.meetings.counting:_record",
    "metrics.verification:score_trials": "report.sections.left_out:_of_failure",
    "models.language.tuning:tune": "models.language.tuning:_without",
    "mitigation.verification.arm_training:usable": "mitigation.verification.left_out:left_out",
    "mitigation.verification.data:embedded": "mitigation.verification.left_out:left_out",
    "mitigation.verification.data:several": "mitigation.verification.left_out:left_out",
    "report.costs:_change": "statistics.enhancement:common_conditions",
    "report.gains:_of_pair": "statistics.enhancement:common_conditions",
    "report.ranks:_by_group": "report.ranks:_too_few",
    "results.canonical:places": "results.canonical:_unresolved",
    "results.gazetteer:located": "results.canonical:_unresolved",
    "results.gazetteer:_largest": "results.canonical:_unresolved",
    "results.metadata:by_utterance": "results.metadata:_values",
    "results.join:_rows": "results.join:_unmatched",
    "results.join:join": "results.join:_known",
    "results.join:_used": "results.metadata:_values",
    "run.given_tables:_write": "results.labels:only",
    "run.tables:_scores": "run.unchanged:_gone",
    "run.unchanged:_always": "run.unchanged:_gone",
    "run.unchanged:_comparing": "run.unchanged:_gone",
    "run.unchanged:not_compared": "run.unchanged:_gone",
    "run.failures:_of_cell": "report.sections.left_out:_of_failure",
    "run.failures:failures": "report.sections.left_out:_of_failure",
    "store.overview:overview": "report.sections.left_out:_of_failure",
    "statistics.adjusted:adjusted_gaps": "statistics.adjusted:not_adjusted",
    "statistics.endpoints:_by_utterance": "statistics.endpoints:_failed",
    "statistics.endpoints:endpoint_table": "statistics.groups:groups_left_out",
    "statistics.frontier:frontier_of": "statistics.frontier:_unplaced",
    "statistics.frontier:_groups": "statistics.groups:utterances_left_out",
    "statistics.frontier:_costs": "statistics.frontier:_unplaced",
    "statistics.frontier:_rows": "statistics.frontier:_unplaced",
    "statistics.variants:_common_facts": "statistics.frontier:_unplaced",
    "statistics.enhancement:_pairs": "statistics.enhancement:without_baseline",
    "statistics.enhancement:gain_reports": "statistics.enhancement:common_conditions",
    "statistics.gains:_report": "statistics.groups:groups_left_out",
    "statistics.gains:paired": "statistics.gains:_one_sided",
    "statistics.groups:counted": "statistics.groups:utterances_left_out",
    "statistics.groups:_compared": "statistics.groups:groups_left_out",
    "statistics.groups:group_table": "statistics.groups:groups_left_out",
    "statistics.poisson:_kept": "statistics.adjusted:not_adjusted",
    "statistics.meetings:meeting_table": "statistics.meetings:_pairs",
    "statistics.systems:compare_systems": "statistics.systems:_one_sided",
    "statistics.systems:_common": "statistics.systems:_one_sided",
    "statistics.verification:_people": "statistics.verification:_left_out",
    "statistics.verification:verification_table": "statistics.verification:_left_out",
    "store.manifest:_without_strangers": "store.manifest:left_out",
    "store.manifest:read_manifest": "store.manifest:left_out",
    "training.verification:_batches": "mitigation.verification.left_out:_untrained",
}
"""What drops, and what makes the record of it."""

PROVED = {
    "training.taught:teach": "training/test_taught.py",
    "exports.evidence:_of_run": "exports/test_card.py",
    "exports.utterances:_large": "report/test_utterances_exported.py",
    "exports.publication:_gone": "exports/test_card.py",
    "corpora.fetching:fetched": "run/test_remote.py",
    "run.mixtures:_made": "conditions/test_mixtures.py",
    "run.lattices:_written": "run/test_lattices.py",
    "corpora.companies:record": "corpora/test_sessions.py",
    "corpora.timing.ctm:spoken": "corpora/test_word_times.py",
    "corpora.timing.timed:_written": "corpora/test_word_times.py",
    "corpora.readers.webdataset:_grouped": "corpora/test_webdataset.py",
    "corpora.readers.webdataset:_joined": "corpora/test_webdataset.py",
    "corpora.readers.webdataset:_other_texts": "corpora/test_webdataset.py",
    "cohorts.columns:_left_out": "cohorts/test_columns.py",
    "cohorts.discovery:_all_alike": "cohorts/test_discovery.py",
    "cohorts.discovery:_rare_labels": "cohorts/test_discovery.py",
    "cohorts.discovery:discover_among": "cohorts/test_discovery.py",
    "cohorts.postcodes:_movers": "cohorts/test_geodemographic.py",
    "cohorts.postcodes:_table": "cohorts/test_geodemographic.py",
    "cohorts.postcodes:_shares": "cohorts/test_geodemographic.py",
    "cohorts.postcodes:attributes_of": "cohorts/test_geodemographic.py",
    "cohorts.postcodes:read_postcodes": "cohorts/test_geodemographic.py",
    "cohorts.speakers:_unmeasured": "cohorts/test_columns.py",
    "cohorts.speakers:named_speakers": "cohorts/test_speakers.py",
    "run.alone:unseen": "run/test_alone.py",
    "compare.baseline:_unused": "compare/test_cli_compare.py",
    "compare.comparison:_not_judged": "compare/test_comparison.py",
    "compare.completeness:in_one_only": "compare/test_comparison.py",
    "compare.pairing:left_out": "compare/test_comparison.py",
    "compare.texts:export_texts": "results/test_tables.py",
    "corpora.readers.base:read_rows": "corpora/test_prepare.py",
    "corpora.readers.common_voice:common_voice": "corpora/test_prepare.py",
    "corpora.readers.librispeech:librispeech": "corpora/test_prepare.py",
    "corpora.readers.audiomnist:audiomnist": "corpora/test_readers.py",
    "corpora.readers.clean_noisy:clean_noisy": "corpora/test_readers.py",
    "corpora.readers.digits:spoken": "corpora/test_readers.py",
    "corpora.readers.jsonl:_unused": "corpora/test_readers.py",
    "corpora.readers.jsonl:utterances": "corpora/test_readers.py",
    "corpora.readers.speech_accent_archive:speech_accent_archive": "corpora/test_readers.py",
    "corpora.readers.table:_utterances": "corpora/test_prepare.py",
    "models.language.rescoring:left_out": "models/test_rescoring.py",
    "models.language.tuning:_without": "models/test_rescoring.py",
    "mitigation.verification.left_out:_untrained":
        "mitigation/verification/test_verification_experiment.py",
    "mitigation.verification.left_out:left_out":
        "mitigation/verification/test_verification_experiment.py",
    "statistics.group_columns:group_columns": "report/test_report_gains.py",
    "report.gains:_further_rates": "report/test_report_gains.py",
    "report.ranks:_too_few": "report/test_report_ranks.py",
    "report.ranks:in_all": "report/test_report_ranks.py",
    "report.sections.left_out:_of_failure": "report/test_report_verification.py",
    "metrics.meetings.counting:_record": "metrics/meetings/test_counting.py",
    "metrics.meetings.reading:_scored": "metrics/meetings/test_reading.py",
    "metrics.score_files:_malformed": "metrics/test_score_files.py",
    "metrics.score_files:matched": "metrics/test_score_files.py",
    "metrics.score_files:read_score_file": "metrics/test_score_files.py",
    "results.canonical:_unresolved": "results/test_canonical.py",
    "results.cells:_json": "results/test_tables.py",
    "results.cells:_checked": "results/test_tables.py",
    "results.parquet:read_parquet": "results/test_tables.py",
    "results.join:_known": "results/test_labels.py",
    "results.join:_unmatched": "results/test_labels.py",
    "results.labels:only": "results/test_labels.py",
    "results.metadata:_seconds": "results/test_tables.py",
    "results.metadata:_values": "results/test_tables.py",
    "run.given:_left_out": "run/test_given.py",
    "run.given_tables:_playable": "results/test_tables.py",
    "run.plan:unmeasured": "run/test_given.py",
    "run.record:undefined": "run/test_replaced.py",
    "run.rescore:same_utterances": "run/test_outputs.py",
    "run.sample:drawn": "run/test_sample.py",
    "run.text_metrics:_without_words": "run/test_given.py",
    "run.unchanged:_gone": "run/test_unchanged.py",
    "run.trial_labels:_records": "metrics/test_score_files.py",
    "run.verification:choose_pairs": "test_ledger.py",
    "statistics.adjusted:not_adjusted": "statistics/test_poisson.py",
    "statistics.grouping:not_usual": "compare/test_comparison.py",
    "statistics.enhancement:common_conditions": "statistics/test_gains.py",
    "statistics.frontier:_paired": "statistics/test_frontier.py",
    "statistics.frontier:_unplaced": "statistics/test_frontier.py",
    "statistics.variants:told": "statistics/test_frontier.py",
    "statistics.endpoints:_failed": "streaming/test_endpoint_curve.py",
    "statistics.enhancement:without_baseline": "statistics/test_gains.py",
    "statistics.gains:_one_sided": "statistics/test_gains.py",
    "report.selections:selections": "report/test_selections.py",
    "statistics.meetings:_not_compared": "statistics/test_meetings.py",
    "statistics.meetings:_pairs": "statistics/test_meetings.py",
    "statistics.groups:utterances_left_out": "statistics/test_groups.py",
    "statistics.groups:groups_left_out": "statistics/test_groups.py",
    "statistics.systems:_one_sided": "statistics/test_matched_pairs.py",
    "statistics.verification:_left_out": "statistics/test_verification.py",
    "store.manifest:left_out": "run/test_runner.py",
    "store.runfolder:stale": "run/test_folders.py",
}
"""What makes records of what it, or one of WRITTEN, drops, and the test that shows one."""

NOTHING_LOST = {
    "the other shares of the run have it, and merge refuses a run without one": """
        run.pieces:choose run.portions:_own""",
    "it looks for a name to offer": "core.checked:_kind",
    "it looks at the parts of a type": "core.strict:_numeric",
    "turns and sessions that have none are counted in the same row": """
        metrics.meetings.turns:_late statistics.meetings:_ends statistics.meetings:_of_whole""",
    "it compares what is known twice, or looks for the first": """
        results.pipeline_costs:read_costs statistics.variants:_check_utterances
        statistics.variants:check_columns statistics.frontier:passed_over
        statistics.dominated:dominated statistics.dominated:cheaper_pairs
        statistics.pipeline_costs:_one_factor""",
    "it compresses matrices, and leaves vectors as they are": """
        models.compression:compress training.compressing:__init__""",
    "it is for a hint of what to do next": """
        statistics.grouping:has_usual store.metadata:metadata_of""",
    "it looks for evalkit's lines among those of others": "pytest_plugin:pytest_terminal_summary",
    "it makes sound, or filters for it": """
        conditions.pauses:_drawn conditions.pauses:borders
        models.percepnet.bands:bands_of models.percepnet.training:in_order
        training.rooms:_responses
        training.noises:_body training.noises:_impulses training.noises:keyboard""",
    "it takes things apart, and all parts are used": """
        report.explorer.encoding:rebuilt report.explorer.reading:counted
        report.outputs:_parts report.outputs:at exports.dataset:_divided
        report.explorer.explore:_failed store.coded:read_coded store.coded:recoded
        store.coded:among statistics.grouping:told_of
        models.language.rescoring:ways models.transducer.beam:_predict
        models.transducer.separating:turns_said models.transducer.whole:_said
        models.transducer.decisions:_deciders
        models.transducer.biasing:forward training.weightings:pair_weights
        metrics.listed_words:_edits metrics.listed_words:_marks
        metrics.meetings.exporting:_text metrics.meetings.exporting:_utterance
        metrics.meetings.reading:_stm metrics.meetings.seglst:_segment
        results.rows:_take core.corpora:_own core.corpora:by_corpus
        corpora.gathering:_items
        report.costs:_systems report.cost_figures:_touching
        core.pipeline_forms:_written_out
        core.condition_forms:_chain core.condition_forms:_grid core.condition_forms:_written_out
        core.corpus:_short_form cohorts.columns:searched_columns cohorts.search.partition:_divide
        statistics.ranks:brackets
        cohorts.search.partition:assign conditions.noise:_babble report.mitigation:tables
        report.sections.left_out:_said report.sections.left_out:left_out
        report.verification:by_group report.verification:_ratios report.verification:_acquired
        statistics.acquisition:_recordings statistics.acquisition:_missed
        statistics.acquisition:_took statistics.verification:_with_ratios
        run.halving:_after run.halving:through run.resuming:resumed run.shard:begun run.ended:keep
        run.shard:_still_to_do statistics.bootstrap:intervals statistics.strata:speaker_strata
        statistics.gains:_everybody statistics.gains:_pipelines report.gain_figures:gains_by_group
        statistics.sharp_cuts:_by_errors statistics.sharp_cuts:_in_window
        store.documents.baseline:only store.trials:_corners
        store.trials:crossing statistics.bins:binned store.runfolder:mitigations
        mitigation.verification.arm_training:_of_split training.sources:split
        models.percepnet.recipe:_material
        mitigation.recognition.trials:adaptation_data mitigation.recognition.trials:selection
        run.executors:_as_they_come corpora.synthesis.corpus:_make
        corpora.synthesis.sentences:with_names
        corpora.synthesis.grammars.names:_others corpora.synthesis.grammars.names:_slot
        corpora.synthesis.grammars.invented:_invented
        corpora.synthesis.texts:_drawn corpora.synthesis.texts:_said
        systems.staying:_answers store.events:unfolded training.from_scratch:_epochs
        training.origins:claim""",
    "it picks the rows of one name, and the others are picked by their own": """
        statistics.meeting_units:of_sessions statistics.meetings:_row
        exports.evidence:evidence exports.evidence:_overall exports.evidence:_reports
        cli.causality:_chosen
        statistics.endpoints:endpoint_reports
        report.costs:_priced
        cli.outcome:_failures cohorts.loading:_usable cohorts.loading:_streamed_means
        cohorts.speakers:speakers_of compare.baseline:_parts
        compare.baseline:_groups compare.comparison:_asked compare.gates:columns_of
        compare.pairings:groups
        compare.history:_rows compare.unmatched:why_nothing
        mitigation.recognition.cohorts:_rows mitigation.recognition.evaluation:_statistics
        mitigation.recognition.evaluation:arm_results mitigation.recognition.selection:frontier
        report.groups:compare_groups report.headline:_column report.sections.examples:_examples
        report.sections.significance:_compare
        report.version_table:_keys run.made:part
        store.scores:_derived store.scores:with_derived run.rescore:cell
        mitigation.recognition.trials:_trial statistics.groups:labelled run.runner:carry_out
        run.text_metrics:without_words""",
    "it drops rows without a value, which the run's failures count": """
        report.explorer.document:__init__ report.explorer.document:document
        report.explorer.drivers:drivers report.explorer.explore:explore
        exports.card:_metadata exports.card:_metric exports.cyclonedx:_card
        statistics.endpoints:_waits
        conditions.pauses:bind
        report.costs:_interval report.costs:of
        report.sections.examples:rank report.version_table:_rows
        report.verification:tradeoffs run.measure:failed_scores run.measure:measure
        run.measure:_not_measured
        run.shard:_has_audio run.tables:output_row run.tables:write_shard
        run.vectors:of_one_length run.record:_timed statistics.detection:sorted_trials
        statistics.groups:outcome_notes
        statistics.run_statistics:_counts_errors_of statistics.run_statistics:headline_intervals
        statistics.sums:speaker_sums statistics.spread:measured_spread
        statistics.run_spread:run_spread statistics.run_spread:_paired
        statistics.run_spread:_meant
        store.scores:summarise store.trials:_summary
        core.types:by_importance statistics.outcome_columns:measured
        statistics.outcome_columns:first_determined report.headline:judged
        report.summary:_winners""",
    "it makes a part of a page or a table, beside which another has all": """
        cli.frontier:_known cli.frontier:verdicts store.documents.frontier:payers
        report.sections.frontier:_sure report.sections.frontier:_unasked
        exports.utterances:_failed exports.utterances:_measured exports.utterances:schema
        core.loops:loop report.explorer.choice:chosen report.explorer.document:_loops
        report.explorer.document:_own_texts report.explorer.document:_sounds
        report.explorer.document:_texts report.explorer.encoding:shortened
        report.explorer.explore:document report.explorer.sounds:_count
        report.explorer.sounds:_has_sound report.explorer.sounds:_worst
        report.rank_figure:axis_of report.rank_figure:shown statistics.ranks:alike
        report.change_figure:axis_of report.gate_words:tile report.page:versions_beside
        compare.history_first:_how_many compare.history_first:_sub compare.history_first:in_order
        report.group_figure:shown report.group_figure:axis_of report.groups:pooled
        report.lead:_of_how_many report.reality:_others report.clear_alone:clear_alone
        report.sections.results:told_apart
        report.sections.significance:build report.sections.significance:_told_apart
        report.selection:_of_trials report.selection:_pipeline report.selection:best
        report.selections:_of report.view:packed
        report.table:telling report.tiles:_under_each
        exports.annex_iv:_resources exports.evidence:_ids exports.tables:conditions
        exports.sentences:worst_groups
        report.cost_figures:quality_against_cost report.sections.cost:dearest
        report.latency_figures:latency_curves
        report.endpoint_figures:_curves report.sections.endpoints:_worst
        report.sections.streaming:_behind report.sections.streaming:events
        report.sections.streaming:_sentences
        report.sections.streaming:metrics
        report.sections.streaming:revoked
        report.timelines:_changed
        report.timelines:_closed
        report.timelines:_ends
        report.timelines:_latest
        report.timelines:_most_revoked
        report.timelines:_plain
        report.timelines:_ranked
        report.timelines:_timeline
        report.timelines:spans
        report.timelines:timelines
        cohorts.findings:_who cohorts.traits:traits compare.comparison:_comparison
        compare.comparison:_decided compare.formats:rows compare.history:history
        pytest_plugin:_reasons report.could_show:what_could_be_shown
        report.could_show:_widest_settled report.corpora:_of_each
        report.cohort_figures:_by_cohort report.cohort_figures:_limits
        report.cohort_figures:_maps report.cohort_figures:_projections
        report.colour_scale:colour_scale report.discovery:discovery report.discovery:nothing
        report.discovery:people_of report.discovery:_first_cohorts report.discovery:who
        report.exports:write_findings
        report.two_verdicts:why_they_differ report.trial_selections:_known
        report.changed:columns compare.together:together statistics.detection_gaps:gaps_to_rest
        report.ranks:apart report.trial_selections:_grouped statistics.verification:_compared
        report.figures:decorate report.gain_figures:_limits report.gain_figures:_lines
        report.gain_words:_of_groups report.gain_words:effects
        report.figures:_limits report.figures:_plot report.figures:_whiskers
        report.extremes:_by_pipeline report.extremes:sentence
        report.figures:values_by_group report.headline:ordered report.reported:chief_metrics
        report.maps:_legible
        report.maps:coastlines report.maps:places report.markdown:in_brief
        report.mitigation_figures:figures report.reported:scored_metrics
        report.mitigation_worth:_columns report.mitigation_worth:_compared
        report.section:named_tables report.sections.examples:changed_rows
        report.sections.examples:worst_rows report.sections.left_out:failed_by_group
        report.table:where cli.outcome:_incomplete
        mitigation.recognition.conclusion:conclude""",
    "blank lines, comments, headers and absent parts hold nothing": """
        report.sections.definitions:conditions
        models.language.sentences:read_sentences
        results.values:labels_of compare.texts:_json core.text:one_of results.canonical:mapping
        results.canonical:text_of corpora.readers.audio_folder:audio_folder
        cohorts.finders.declared:prepare corpora.gathering:row_of corpora.readers.lhotse:_lines
        corpora.readers.timed:_recordings
        corpora.readers.clean_noisy:_recordings corpora.readers.huggingface:_labels
        corpora.readers.voxceleb:_below
        corpora.readers.lhotse:_metadata
        corpora.readers.base:read_pairs corpora.readers.librispeech:_speakers
        metrics.verification:numbered_fields metrics.score_files:_names recordings.chunks:_sphere
        run.trial_labels:_lines
        run.record:_packages run.record:_speed store.manifest:_lines
        run.rescore:_recorded_shard store.manifest_rows:_metadata
        store.manifest_rows:of
        systems.programs:files_of systems.transcripts.file:_detected
        systems.rnnoise:_table
        systems.transcripts.file:text_lines systems.transcripts.lines:parse_json
        run.compared:plain run.compared:metrics run.given:_files systems.precomputed:read_ahead
        systems.transcripts.file:_is_trn systems.transcripts.timed:_joined
        systems.transcripts.timed:read run.rescore:hearing run.pipeline:hearing
        run.assembled:_write_streamed store.seals:seals
        store.documents.run:depending store.documents.run:batches
        store.documents.run:in_batches models.percepnet.recipe:_all_trained""",
    "it only asks, or says what is wrong": """
        run.lattices:_check_free run.lattices:_chosen
        results.labels:parsed
        corpora.timing.textgrid:_chosen statistics.latency:words_sources
        run.trial_labels:_wrong run.verification:_labelled
        metrics.slf:_link
        report.place:_others report.place:check_replaceable run.corpora:_no_longer_there
        store.other_layouts:_of_folder results.columns:_counts core.corpora:_check_keys
        cli.next_steps:_grouping cli.named:_before statistics.speaker_labels:_of_speakers
        cli.next_steps:next_steps corpora.starting:_others
        results.unscored:unscored results.unscored:_counts statistics.speaker_labels:speaker_labels
        results.columns:known results.columns:system_column
        metrics.score_files:_form statistics.run_statistics:_threshold_in
        results.canonical:_free results.canonical:of results.gazetteer:plain
        results.rows:new results.unfold:_described
        cohorts.finders.declared:lacks cohorts.loading:_require_both_kinds
        compare.renaming:_check_known compare.outcomes:determined_by_blocks
        corpora.gathering:_folders training.mixing:_known core.config:_unique_names
        core.corpus:located core.plugins:path_options core.names:instead
        run.causality:_leaked
        core.names:_files
        core.plugins:create core.yaml_files:_plain metrics.verification:_unit_vectors
        mitigation.recognition.experiment:_reporter mitigation.verification.data:_with_speakers
        report.section:_check_unique run.given:_check_needs run.occupied:_check_foreign
        run.occupied:_gone run.measured:_check_further_normalisers run.rescore:_lost_before
        run.resuming:_faults run.resuming:_lost_audio run.text_metrics:usual_metrics
        statistics.labels:alike statistics.outcome_columns:determines
        store.documents.begun:told_by store.runfolder:damages store.scores:require_columns
        systems.spelling:spelt systems.transcripts.tables:_columns corpora.gathering:nothing
        models.language.rescoring:unknown_words models.language.sentences:_words
        compare.unmatched:_whole mitigation.recognition.evaluation:small_regions
        statistics.usual_metric:additive
        statistics.usual_metric:usual_metric statistics.enhancement:noted_outcomes
        statistics.latency:_notes""",
    "what a metric, a model or a search is made of, as its documentation says": """
        metrics.word_graphs:_network metrics.word_graphs:_ways
        metrics.word_graphs:word_lattice
        cohorts.finders.clusters:_honest_gap cohorts.finders.clusters:prepare
        cohorts.finders.predicted:_cuts cohorts.finders.geodemographic:_name
        cohorts.search.partition:_reach cohorts.search.partition:_threshold
        cohorts.search.sliceline:__init__ cohorts.search.sliceline:grow
        cohorts.speakers:largest_gap conditions.noise:bind
        metrics.normalisers:_words metrics.verification:_draw metrics.verification:make_trials
        mitigation.verification.evaluation:_change
        mitigation.verification.evaluation:_errors_drawn statistics.adjusted:default_covariates
        statistics.bins:codes statistics.bootstrap:_resample statistics.bootstrap:jackknife
        statistics.equal_rates:redrawn statistics.fairness:unequal_spread
        statistics.grouping:metadata_columns statistics.matched_pairs:segments
        statistics.matched_pairs:wilcoxon statistics.permutation:_test
        statistics.poisson:_design statistics.poisson:against_rest statistics.poisson:test
        training.trainable:parameters training.verification:fit recordings.mpeg:_frames
        cohorts.confirm:confirm cohorts.loading:speaker_vectors models.onnx_cost:_weights
        models.onnx_cost:_given models.onnx_cost:_tensors models.onnx_cost:_within
        models.percepnet.arrays:_fields models.percepnet.arrays:_messages
        metrics.endpoints:endpoints_of metrics.revocation:_kept
        metrics.languages:_confusions metrics.languages:_directions
        metrics.languages:language_of""",
    "no words: pauses, signs, and those of other segments of a recording": """
        corpora.timing.textgrid:words_in corpora.timing.files:_within""",
    "files, options and warnings of the program itself": """
        core.config:_as_plugin core.config:parse_config
        core.mistakes:_fields core.requirements:_definitions
        core.requirements:_imported_with core.requirements:_reached
        corpora.synthesis.corpus:synthesise mitigation.recognition.trials:run_trials
        run.batches:ask run.endpointed:taken_endpoints run.events:taken_shown
        run.exchange:taken_list run.exchange:taken_measurements
        run.pipeline:complete run.pipeline:members run.measured:measures_by_cell run.shard:_warm_up
        run.process_state:_find_again run.process_state:_forget_errors store.outputs:list_audio
        store.outputs:prune run.overlap:graphics_processors
        corpora.beside:_by_url store.delivery:_brought store.objects:files_at
        store.objects:ends store.objects:files_in store.objects:portions store.objects:copy
        store.objects:_clear store.objects:is_of_another
        run.runner:_prune run.merging:_bring run.merging:_otherwise
        run.merging:_check_none_missing
        store.runfolder:digest systems.identity:model_files
        training.sources:_matching systems.speechbrain_folder:_named
        systems.speechbrain_folder:check_folder systems.onnx_graph:_heard
        systems.onnx_graph:parts_of systems.onnx_graph:session
        systems.sherpa_onnx:file systems.sherpa_onnx:files_of systems.sherpa_onnx:cost
        systems.onnx_asr:cost
        systems.sherpa_onnx_streaming:cost
        systems.deepfilternet:_networks systems.rnnoise:identity
        systems.speechbrain:output""",
    "a corpus that one version has is named as gone or new": """
        compare.comparison:compare_corpora report.corpora:_one_sided
        report.corpora:write_reports""",
    "what failed alone or in a batch is counted; what has no reference has no error rate": """
        run.alone:_recounted""",
    "who has no name, or no alignment, stays in all other numbers": """
        statistics.run_statistics:_alignments statistics.run_statistics:_trial_intervals""",
    "trackers hold no undefined number; how many failed is logged": """
        compare.tracking:export_mlflow compare.tracking:headline_values""",
    "it names the trials that fail, which are counted as such": "metrics.score_files:notes",
    "columns that are outcomes or have too many groups are recorded by not_usual": """
        statistics.grouping:usual_columns""",
}
"""By the reason, functions that drop nothing that anybody would miss."""


def test_every_place_that_drops_anything_is_known() -> None:
    found, lost = set(droppers()), [name for names in NOTHING_LOST.values()
                                    for name in names.split()]
    itself = {name for name in found if writes(name)}
    assert len(lost) == len(set(lost))
    assert not set(lost) & (WRITTEN.keys() | PROVED.keys()) - itself
    unknown = found - itself - WRITTEN.keys() - set(lost)
    assert not unknown, "make a LeftOut of what it drops, or say why nothing is lost"
    gone = (WRITTEN.keys() | set(lost)) - found
    assert not gone, "no longer drops anything: take it out of the tables"


def test_every_record_is_made_and_shown_by_a_test() -> None:
    makers = {name for name in functions() if writes(name)}
    assert set(WRITTEN.values()) <= PROVED.keys() <= makers
    assert {name for name in droppers() if name in makers} <= PROVED.keys()


@pytest.mark.parametrize("file", sorted(set(PROVED.values())))
def test_the_record_is_proved(file: str) -> None:
    text = (Path(__file__).parent / file).read_text(encoding="utf-8")
    assert any(word in text for word in ("left_out", "left out", "_failures(", "not_adjusted",
                                       "computed from"))


@pytest.mark.parametrize("line", [
    "rows.dropna()", "rows[rows['x'].notna()]", "rows[~failed]", "rows[rows['n'] > 3]",
    "a.merge(b, how='inner')", "[x for x in y if x.n > 3]", "{x for x in y if x not in z}",
    "for x in y:\n    if x:\n        continue", "try:\n    f()\nexcept KeyError:\n    pass"])
def test_the_walk_sees_the_idioms(line: str) -> None:
    assert dropping(ast.parse(line))


@pytest.mark.parametrize("line", [
    "rows.assign(x=1)\nfor x in y:\n    f(x)", "rows[rows['x'] == name]", "[x for x in y if x]",
    "[x for x in y if x.name == name and x is not None]", "next(x for x in y if x.n > 3)"])
def test_the_walk_lets_pass_what_looks_up(line: str) -> None:
    assert not dropping(ast.parse(line))
